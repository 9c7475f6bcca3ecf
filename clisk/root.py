"""The command line: the list of commands, each imported only when it is called."""

from __future__ import annotations

import importlib
import os

import click
from click.shell_completion import CompletionItem

from clisk.errors import UsageError
from clisk.home import Home, default_folder

# name: (module of clisk.commands, what `clisk --help` says of it)
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("setup", "Make a vault on this device."),
    "unlock": ("setup", "Open the vault with its passphrase."),
    "lock": ("setup", "Close the vault and forget its keys."),
    "passphrase": ("setup", "Change the passphrase."),
    "status": ("setup", "Tell whether the vault is open, and how fresh it is."),
    "add": ("write", "Store a new item."),
    "get": ("read", "Show one item, or one field of it."),
    "read": ("references", "Write what a reference stands for: clisk://ITEM/FIELD."),
    "inject": ("references", "Fill a template with values from the vault."),
    "exec": ("references", "Start a program with values in its environment."),
    "list": ("read", "List items; search in them."),
    "edit": ("write", "Change fields of an item."),
    "clone": ("cloning", "Make a new item like another one."),
    "rm": ("write", "Move an item to the trash, or back."),
    "trash": ("trash", "Show the trash; bring things back, or forget them."),
    "attach": ("attach", "Keep files with items."),
    "tag": ("organise", "Put tags on items."),
    "folder": ("organise", "Sort items into folders."),
    "favourite": ("organise", "Mark items as favourites."),
    "archive": ("organise", "Keep items, and leave them out of lists."),
    "history": ("organise", "Show and restore earlier values of an item."),
    "duplicates": ("trash", "List items that may be one and the same."),
    "merge": ("trash", "Make one item of several."),
    "conflicts": ("conflicts", "Show and settle what two devices changed at once."),
    "totp": ("totp", "Show the one-time code of a login."),
    "scan": ("totp", "Read one-time code seeds from a picture of a QR code."),
    "generate": ("generate", "Make a password, a passphrase, a PIN, ..."),
    "health": ("health", "Tell which passwords are weak, reused, old or known."),
    "import": ("transfer", "Bring items from another password manager."),
    "backup": ("backup", "Keep a sealed copy of everything, or make a vault of one."),
    "export": ("export", "Take everything out, in another program's format."),
    "relay": ("relay", "Run a relay, which stores only what it cannot read."),
    "pair": ("pairing", "Let a new device into this vault."),
    "join": ("pairing", "Make this device part of a vault."),
    "devices": ("devices", "List, revoke and rename the devices of this vault."),
    "recovery": ("recovery", "Print a page that brings the vault back, or use it."),
    "dashboard": ("dashboard", "See and steer it all in a browser."),
    "tui": ("tui", "Browse, search and copy on a whole terminal."),
    "sync": ("sync", "Exchange news with the other devices now."),
    "konnector": ("konnector", "Run a program that fetches your data from a site."),
    "fill": ("fill", "Fill in a login in a browser window."),
    "data": ("data", "Show what konnectors fetched for you."),
    "grants": ("grants", "Say what a konnector may read."),
    "git-credential": ("credential_helpers", "Give git its passwords."),
    "docker-credential": ("credential_helpers", "Give docker its passwords."),
    "ssh-agent": ("ssh_agent", "Sign with the SSH keys of the vault."),
    "copy": ("copy", "Put a value into the clipboard, for a while."),
    "token": ("token", "Let a script read named fields, so often and so long."),
    "log": ("log", "Show and check who read what."),
    "doctor": ("doctor", "Look at what has to be in order, and say what to do."),
    "completion": ("completion", "Complete commands and options in your shell."),
    "agent": ("agent", "The background process that keeps the vault open."),
}


class LazyCommands(click.Group):
    """A group that imports a command's module when the command is used."""

    # The signatures are click's; a table needs no context.
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"clisk.commands.{COMMANDS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        assert isinstance(command, click.Command), "see the table above"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that *args* begin with; of a wrong one say which is meant.

        Raises:
            UsageError: there is none by that name, and it is no option.
        """
        typed = args[0]
        if typed in COMMANDS or typed.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        from clisk.elsewhere import meant_command

        meant = meant_command(typed, COMMANDS)
        raise UsageError(
            f"no such command '{typed}'",
            advice=f"is it: clisk {meant}" if meant else "see: clisk --help",
        )

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the commands of the table, without importing one of them."""
        found = [
            CompletionItem(name, help=says)
            for name, (_, says) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    metavar="FOLDER",
    help="Folder of the vault. Default: CLISK_HOME, or this system's data folder.",
)
@click.version_option(package_name="clisk-vault", message="%(version)s")
@click.pass_context
def clisk(ctx: click.Context, home: str | None) -> None:
    """Keep passwords on your own devices, and see who read them.

    \b
    Begin here:
      clisk init                     make a vault
      clisk add login GitHub         store a login
      clisk get GitHub -f password   read it back
      clisk relay / pair / join      add a second device
    """
    ctx.obj = Home(home or default_folder())


def run(arguments: list[str]) -> int:
    """Run *arguments*; errors are the caller's to print."""
    if "_CLISK_COMPLETE" in os.environ:
        from clisk import completing

        completing.register()
    code = clisk.main(arguments, prog_name="clisk", standalone_mode=False)
    return code if isinstance(code, int) else 0

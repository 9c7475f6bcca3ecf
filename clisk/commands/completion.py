"""completion: what a shell needs to complete commands, options and names."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Write the script by which a shell completes commands, options and names.

    Titles, fields of the item that the line names, tags, folders, attachments, tokens
    and devices are offered while the vault is open; Tab neither opens it nor keeps
    it open, and reads no secret.

    \b
    Set it up once:
      bash   echo 'eval "$(clisk completion bash)"' >> ~/.bashrc
      zsh    echo 'eval "$(clisk completion zsh)"' >> ~/.zshrc
      fish   clisk completion fish > ~/.config/fish/completions/clisk.fish

    \b
    Example:
      clisk completion bash
    """
    from clisk.completing import script
    from clisk.root import clisk

    click.echo(script(shell, clisk))

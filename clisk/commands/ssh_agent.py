"""ssh-agent: the vault's SSH keys for ssh, git and whatever asks an agent."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from pathlib import Path

import click

from clisk import output
from clisk.commands.options import ask_agent, item_titles
from clisk.errors import UsageError
from clisk.home import Home


@click.command("ssh-agent")
@click.option(
    "--socket",
    "path",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Where to listen. Default: ssh-agent.sock in the home folder.",
)
@click.option("--allow", is_flag=True, help="Sign without asking, while this runs.")
@click.option("--once", is_flag=True, help="Ask once for each key, while this runs.")
@click.option(
    "--item",
    "items",
    multiple=True,
    metavar="ITEM",
    shell_complete=item_titles,
    help="Offer only this key.",
)
@click.pass_obj
def ssh_agent_command(
    home: Home, path: Path | None, allow: bool, once: bool, items: tuple[str, ...]
) -> None:
    """Be an SSH agent in this terminal, with the SSH keys of the vault, until Ctrl-C.

    No private key leaves the vault, and none is on the disk: what is to be signed
    goes in, the signature comes out, and the access log records each. You are
    asked for each signature: by the program that SSH_ASKPASS names, or else on
    this terminal. A locked vault signs nothing. A key that asks for the passphrase
    again (reprompt) asks for it each time, whatever --allow and --once say.

    The keys are the items of type ssh-key with a public key, which a private key
    brings along when it is added. RSA keys sign with SHA-2 only.

    \b
    Examples:
      clisk add ssh-key laptop --read ssh.private_key=0 < key
      clisk ssh-agent --once
      SSH_AUTH_SOCK=~/.local/share/clisk/ssh-agent.sock ssh server
    """
    from clisk.asking import asker
    from clisk.ssh_agent import Server, SshAgent

    if allow and once:
        raise UsageError("--allow and --once exclude each other")
    ask = _yes if allow else asker()
    agreed: set[str] = set()

    def ask_for(item: str, question: str) -> bool:
        if item in agreed:
            return True
        yes = ask(question)
        if yes and once:
            agreed.add(item)
        return yes

    home.make()
    only = frozenset(str(ask_agent(home, "view", {"item": i})["item"]) for i in items)
    agent = SshAgent(home, ask_for, only=only)
    where = str(path.absolute()) if path else str(Path(home.folder, "ssh-agent.sock"))
    server = Server(where, agent)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        output.write_line(f"SSH_AUTH_SOCK={shlex.quote(where)}; export SSH_AUTH_SOCK")
        sys.stdout.flush()
        stop.wait()
    finally:
        server.shutdown()
        server.close()


def _yes(_question: str) -> bool:
    return True

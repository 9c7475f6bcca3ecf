"""read, inject, exec: values by reference, for scripts and for programs."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import click

from clisk import output
from clisk.client import AgentClient
from clisk.commands.options import again_option, json_option
from clisk.errors import AgentRefusal, CliskError, InputError, UsageError
from clisk.home import Home
from clisk.new_file import check_target, write_new
from clisk.passphrase_again import Again, typed_again
from clisk.reference import Reference, fill_template, parse_reference
from clisk.referring import value_of
from clisk.terminal import write_value

_MAX_TEMPLATE = 1024 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


_token_option = click.option(
    "--token-fd",
    type=int,
    metavar="N",
    help="Read only what a token allows; it comes from this descriptor.",
)


@click.command("read")
@click.argument("reference", metavar="REFERENCE", required=False)
@click.option(
    "--spell",
    nargs=2,
    metavar="ITEM FIELD",
    help="Write the reference to this field; nothing is read.",
)
@click.option("--no-newline", is_flag=True, help="End without a line feed.")
@_token_option
@again_option
@json_option
@click.pass_obj
def read_command(
    home: Home,
    reference: str | None,
    spell: tuple[str, str] | None,
    no_newline: bool,
    token_fd: int | None,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Write the value that a reference names: clisk://ITEM/FIELD.

    ITEM is an id or a whole title, with spaces as %20; nothing is searched for, so
    a renamed item is an error. A reference is no secret: it may stand in scripts
    and be shared. With ?code at its end it gives the one-time code of a seed.

    \b
    Examples:
      clisk read clisk://GitHub/password
      clisk read clisk://GitHub/totp?code
      clisk read --spell "My bank" PIN
    """
    if (reference is None) == (spell is None):
        raise UsageError("give a reference, or --spell ITEM FIELD")
    if spell is not None:
        spelled = str(parse_reference(str(Reference(*spell))))
        if as_json:
            output.write_json({"reference": spelled})
        else:
            output.write_line(spelled)
        return
    meant = parse_reference(reference or "")
    with AgentClient.connect(home) as agent:
        _show_token(agent, token_fd)
        again = typed_again(passphrase_fd)
        value = value_of(agent, meant, purpose="clisk read", again=again)
    if as_json:
        output.write_json({"reference": str(meant), "value": value})
    else:
        write_value(value, newline=not no_newline)


@click.command("inject")
@click.argument("template", type=click.Path(allow_dash=True, path_type=Path))
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write this file, for you alone. Default: standard output.",
)
@click.option("--force", is_flag=True, help="Replace the file.")
@click.option("--terminal", is_flag=True, help="Also where that is a terminal.")
@_token_option
@again_option
@json_option
@click.pass_obj
def inject_command(
    home: Home,
    template: Path,
    target: Path | None,
    force: bool,
    terminal: bool,
    token_fd: int | None,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Fill a template: {{ clisk://ITEM/FIELD }} becomes the value of that field.

    TEMPLATE is a text file, or - for standard input. Everything else in it stays
    as it is. The file that is made has mode 0600 and is written whole or not at
    all; where one reference has no value, nothing is written.

    \b
    Examples:
      clisk inject config.tpl --to config.toml
      clisk inject - < .pgpass.tpl | ssh server 'umask 77; cat > .pgpass'
    """
    if target is None and (force or as_json):
        raise UsageError("--force and --json go with --to FILE")
    if target is not None:
        check_target(target, replace=force)
    elif sys.stdout.isatty() and not terminal:
        raise InputError(
            "values are not written to a terminal unless asked",
            advice="name a file with --to FILE, or add --terminal",
        )
    text = _template(template)
    reads = 0

    def value(reference: Reference) -> str:
        nonlocal reads
        reads += 1
        again = typed_again(passphrase_fd)
        return _value(agent, reference, purpose="clisk inject", again=again)

    with AgentClient.connect(home) as agent:
        _show_token(agent, token_fd)
        filled = fill_template(text, value)
    if target is None:
        write_value(filled, newline=False)
        return
    write_new(target, filled.encode(), replace=force)
    if as_json:
        output.write_json({"file": str(target), "values": reads})
    else:
        output.say(f"written with {output.count(reads, 'value')}, for you alone")


def _value(
    agent: AgentClient, reference: Reference, *, purpose: str, again: Again
) -> str:
    """Return one of several values; a refusal says which of the references it is."""
    try:
        return value_of(agent, reference, purpose=purpose, use="inject", again=again)
    except AgentRefusal as err:
        raise AgentRefusal(err.name, f"{reference}: {err}", advice=err.advice) from None


def _show_token(agent: AgentClient, descriptor: int | None) -> None:
    if descriptor is None:
        return
    from clisk.passphrase_input import read_secret

    agent.call("token.use", {"token": read_secret(descriptor).expose()})


def _template(path: Path) -> str:
    try:
        if str(path) == "-":
            raw = sys.stdin.buffer.read(_MAX_TEMPLATE + 1)
        else:
            with path.open("rb") as file:
                raw = file.read(_MAX_TEMPLATE + 1)
    except OSError as err:
        raise InputError(
            f"the template cannot be read: {err.strerror}", advice="check its name"
        ) from None
    if len(raw) > _MAX_TEMPLATE:
        raise InputError(
            f"the template is larger than {_MAX_TEMPLATE} bytes",
            advice="split it into several",
        )
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InputError(
            "the template is not UTF-8 text", advice="convert it first: iconv -t UTF-8"
        ) from None


# Options after the program's name are the program's.
@click.command("exec", context_settings={"allow_interspersed_args": False})
@click.option(
    "--env",
    "-e",
    "variables",
    multiple=True,
    metavar="NAME=REFERENCE",
    help="A variable for the program; any number of them.",
)
@click.option("--quiet", is_flag=True, help="Leave the warning out.")
@_token_option
@again_option
@click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def exec_command(
    home: Home,
    variables: tuple[str, ...],
    quiet: bool,
    token_fd: int | None,
    passphrase_fd: int | None,
    program: tuple[str, ...],
) -> None:
    """Start PROGRAM with values from the vault in its environment, and nowhere else.

    Your shell's own environment does not change. Know what you do: every process
    of yours can read the environment of PROGRAM as long as it runs, whatever it
    starts inherits it, and crash reports often include it. Where a program reads a
    file or a pipe, `clisk inject` and `clisk read` are better.

    \b
    Examples:
      clisk exec -e PGPASSWORD=clisk://shop-db/password -- psql shop
      clisk exec -e TOKEN=clisk://CI/token -- ./deploy.sh --all
      clisk exec --token-fd 3 -e KEY=clisk://CI/password -- ./deploy.sh 3< token
    """
    wanted = dict(_variable(each) for each in variables)
    if not wanted:
        raise UsageError(
            "no variable is named", advice="add: -e NAME=clisk://ITEM/FIELD"
        )
    if len(wanted) != len(variables):
        raise UsageError("a variable is named twice")
    purpose = f"clisk exec {Path(program[0]).name[:100]}"
    again = typed_again(passphrase_fd)
    with AgentClient.connect(home) as agent:
        _show_token(agent, token_fd)
        values = {
            name: _value(agent, reference, purpose=purpose, again=again)
            for name, reference in wanted.items()
        }
    if any("\0" in value for value in values.values()):
        raise CliskError(
            "a value holds a zero byte, which no environment can",
            advice="hand it over in a file: clisk inject",
        )
    if not quiet:
        output.say(
            "warning: while it runs, every process of yours can read these values in"
            " its environment; a file is safer: clisk inject"
        )
    sys.stdout.flush()
    # A file that a token or the passphrase stands in could be read once more.
    for descriptor in (token_fd, passphrase_fd):
        if descriptor is not None and descriptor > 2:
            os.set_inheritable(descriptor, False)  # noqa: FBT003  # their signature
    try:
        os.execvpe(program[0], list(program), {**os.environ, **values})  # noqa: S606  # what it is for
    except OSError as err:
        raise InputError(
            f"the program cannot be started: {err.strerror}",
            advice="check its name, and that it may be run",
        ) from None


def _variable(text: str) -> tuple[str, Reference]:
    name, sign, reference = text.partition("=")
    if not sign or not _NAME.fullmatch(name):
        # The whole is not shown: it may be a secret by mistake.
        raise UsageError("-e takes NAME=clisk://ITEM/FIELD")
    return name, parse_reference(reference)

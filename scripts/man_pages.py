"""Make the man pages of the program from the program itself: docs/man/*.1.

clisk(1), and one page for each command; that of a group has its commands too. They are
in the wheel under share/man/man1. In the macros of man(7) that every reader knows.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib.metadata import version

import click

from clisk.root import COMMANDS, clisk

_WIDE = re.compile(r"(--?[A-Za-z][\w-]*)")
_EXAMPLES = ("Example:", "Examples:")
_COMMON = """\
.SH "EXIT STATUS"
.TP
.B 0
done
.TP
.B 1
refused; what was refused and the next step are on standard error
.TP
.B 2
called in the wrong way
.TP
.B 130
stopped by Ctrl-C
"""
_PROGRAM = """\
.SH ENVIRONMENT
.TP
.B CLISK_HOME
folder of the vault, where
.B \\-\\-home
does not name one
.TP
.B CLISK_BROWSER
the browser for
.BR "clisk fill" " and konnectors"
.TP
.B NO_COLOR
write without colours
.SH FILES
.TP
.I ~/.local/share/clisk
the folder of the vault, unless another is chosen
.TP
.I vault.sqlite
in it: the vault, sealed
.TP
.I agent.sock, agent.log
in it: where the agent listens, and what it did, without any secret
"""


def pages() -> dict[str, str]:
    """Return each page as it has to be, by its file name."""
    top = click.Context(clisk, info_name="clisk")
    made = {"clisk.1": _program(top)}
    for name, (_, says) in COMMANDS.items():
        command = clisk.get_command(top, name)
        assert command is not None, "a name of the table"
        lines = [
            *_head(f"clisk-{name}", says),
            *_command(command, f"clisk {name}", top),
            *_commands(command, f"clisk {name}", top),
            _COMMON.rstrip(),
            *_see(["clisk"]),
        ]
        made[f"clisk-{name}.1"] = "\n".join(lines) + "\n"
    return made


def _program(top: click.Context) -> str:
    lines = [
        *_head("clisk", "keep passwords on your own devices, and see who read them")
    ]
    lines += _command(clisk, "clisk", top)
    lines += [".SH COMMANDS", "Each has a page of its own, and", ".BR \\-\\-help ."]
    for name, (_, says) in COMMANDS.items():
        lines += [".TP", f".BR clisk\\-{_plain(name)} (1)", _text(says)]
    lines += [_PROGRAM.rstrip(), _COMMON.rstrip()]
    lines += _see([f"clisk-{name}" for name in ("init", "get", "import", "doctor")])
    return "\n".join(lines) + "\n"


def _head(name: str, says: str) -> list[str]:
    release = version("clisk-vault")
    lower = says[0].lower() + says[1:].rstrip(".")
    return [
        '.\\" Written by `make vectors` from the program itself.',
        f'.TH {_plain(name).upper()} 1 "" "clisk-vault {release}" "Clisk Vault"',
        ".SH NAME",
        f"{_plain(name)} \\- {_text(lower)}",
    ]


def _see(names: list[str]) -> list[str]:
    return ['.SH "SEE ALSO"', *(f".BR {_plain(name)} (1)" for name in names)]


def _commands(
    command: click.Command, path: str, parent: click.Context
) -> Iterator[str]:
    """Yield a section for each command of a group, and of the groups in it."""
    if not isinstance(command, click.Group):
        return
    context = _context(command, path, parent)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is None or inner.hidden:
            continue
        inner_path = f"{path} {name}"
        yield f'.SH "{_plain(inner_path)}"'
        yield from _command(inner, inner_path, context, macro=".SS")
        yield from _commands(inner, inner_path, context)


def _command(
    command: click.Command, path: str, parent: click.Context, *, macro: str = ".SH"
) -> Iterator[str]:
    context = _context(command, path, parent)
    yield f"{macro} SYNOPSIS"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".B {_plain(path)}"
    yield _plain(usage)
    text, examples = _split(command)
    yield f"{macro} DESCRIPTION"
    yield from text
    options = [
        record
        for each in command.get_params(context)
        if isinstance(each, click.Option)
        and (record := each.get_help_record(context)) is not None
    ]
    if options:
        yield f"{macro} OPTIONS"
    for names, says in options:
        yield ".TP"
        yield f".B {_plain(names)}"
        yield _text(says)
    if examples:
        yield f"{macro} EXAMPLES"
        yield from _verbatim(examples)


def _context(command: click.Command, path: str, parent: click.Context) -> click.Context:
    name = path.rsplit(maxsplit=1)[-1]
    names = ["-h", "--help"]
    return click.Context(
        command, info_name=name, parent=parent, help_option_names=names
    )


def _split(command: click.Command) -> tuple[list[str], list[str]]:
    """Return the lines that describe *command*, and those of its examples."""
    text: list[str] = []
    examples: list[str] = []
    for number, paragraph in enumerate(
        inspect.cleandoc(command.help or "").split("\n\n")
    ):
        if not paragraph.startswith("\b\n"):
            text += [".PP"] * bool(number) + [_text(" ".join(paragraph.split()))]
            continue
        first, *rest = paragraph.removeprefix("\b\n").split("\n")
        if first in _EXAMPLES:
            examples += rest
        else:
            text += [".PP", *_verbatim([first, *rest])]
    return text, examples


def _verbatim(lines: list[str]) -> list[str]:
    return [".nf", *(_plain(line) for line in lines), ".fi"]


def _text(text: str) -> str:
    """Return one line of running text; options in it keep their dashes."""
    return _WIDE.sub(lambda found: found[0].replace("-", "\\-"), _safe(text))


def _plain(text: str) -> str:
    """Return what may be copied from the page as it stands: no typographic dash."""
    return _safe(text).replace("-", "\\-")


def _safe(text: str) -> str:
    text = text.replace("\\", "\\e")
    for sign, name in (("'", "\\(aq"), ("`", "\\(ga"), ("^", "\\(ha"), ("~", "\\(ti")):
        text = text.replace(sign, name)
    # A line that begins with a full stop would be a command.
    return f"\\&{text}" if text.startswith(".") else text

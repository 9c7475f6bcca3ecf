"""Write what the program can say of itself: docs/commands.md, the man pages and the
table of operations in protocol/agent.md. `make vectors` calls this; tests keep them
current.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from clisk.agent import operations
from clisk.agent.registry import OPERATIONS, Operation
from clisk.root import clisk
from clisk_vault.item_types import COMMON_FIELDS, ELEMENTS, ITEM_TYPES, FieldSpec
from scripts.man_pages import pages as man_pages

_ROOT = Path(__file__).parents[1]
COMMANDS_PAGE = _ROOT / "docs" / "commands.md"
MAN_PAGES = _ROOT / "docs" / "man"
AGENT_PAGE = _ROOT / "protocol" / "agent.md"
_TABLE = re.compile(
    r"(<!-- operations: written by `make vectors` -->\n).*(<!-- end -->\n)", re.DOTALL
)
_HEAD = """\
# Commands

Written by `make vectors` from the program itself: this is what `--help` says.

Exit codes: 0 done, 1 refused, 2 called in the wrong way, 130 stopped by Ctrl-C.
Results go to standard output, everything else to standard error. Every command that
gives a result takes `--json`; its refusals are then JSON too, on standard error.

Completion: `eval "$(clisk completion bash)"`; also for zsh and fish.
"""


def commands_page() -> str:
    """Return docs/commands.md as it has to be."""
    parts = [_HEAD, *_sections(clisk, "clisk", None), _fields()]
    return "\n".join(parts)


def _sections(
    command: click.Command, path: str, parent: click.Context | None
) -> Iterator[str]:
    # A fixed width, whatever the terminal that runs this.
    context = click.Context(
        command,
        info_name=path.rsplit(maxsplit=1)[-1],
        parent=parent,
        terminal_width=80,
        max_content_width=80,
        help_option_names=["-h", "--help"],
    )
    text = command.get_help(context).replace("\b\n", "")
    yield f"## {path}\n\n```text\n{text.rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _sections(inner, f"{path} {name}", context)


def _fields() -> str:
    lines = ["## Fields", "", "Secret ones are marked; they are never arguments.", ""]
    lines += ["| type | field | what it is |", "| --- | --- | --- |"]
    for kind in ITEM_TYPES.values():
        lines += [_row(kind.name, spec, spec.name) for spec in kind.fields]
    lines += [_row("any", spec, spec.name) for spec in COMMON_FIELDS]
    for name, specs in ELEMENTS.items():
        lines += [_row("any", spec, f"{name}.ID.{spec.name}") for spec in specs]
    return "\n".join(lines) + "\n"


def _row(kind: str, spec: FieldSpec, name: str) -> str:
    return f"| {kind} | `{name}` | {spec.says}{' (secret)' if spec.secret else ''} |"


def agent_page() -> str:
    """Return protocol/agent.md with its table as it has to be."""
    operations.load()
    rows = [
        "| operation | parameters | answer | use | what it does |",
        "| --- | --- | --- | --- | --- |",
        *map(_operation, sorted(OPERATIONS.values(), key=_place)),
    ]
    table = "\n".join(rows) + "\n"
    page = AGENT_PAGE.read_text(encoding="utf-8")
    return _TABLE.sub(lambda found: found[1] + table + found[2], page)


def _place(row: Operation) -> tuple[int, int]:
    """Return where an operation stands, whichever module was imported first."""
    name = row.run.__module__.rpartition(".")[2]
    line = inspect.getsourcelines(inspect.unwrap(row.run))[1]
    return operations.MODULES.index(name), line


def _operation(row: Operation) -> str:
    params, answer = (
        model.__name__ if model.model_fields else "{}"
        for model in (row.params, row.answer)
    )
    use = "yes" if row.counts_as_use else "no"
    return f"| `{row.name}` | {params} | {answer} | {use} | {row.says} |"


def write_man_pages(folder: Path) -> None:
    """Make *folder* hold the man pages, and no page of what is no more."""
    folder.mkdir(exist_ok=True)
    made = man_pages()
    for path in folder.glob("*.1"):
        if path.name not in made:
            path.unlink()
    for name, page in made.items():
        (folder / name).write_text(page, encoding="utf-8")


def main() -> int:
    """Write all pages."""
    write_man_pages(MAN_PAGES)
    COMMANDS_PAGE.parent.mkdir(exist_ok=True)
    COMMANDS_PAGE.write_text(commands_page(), encoding="utf-8")
    AGENT_PAGE.write_text(agent_page(), encoding="utf-8")
    print("wrote docs/commands.md, docs/man and the table of protocol/agent.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())

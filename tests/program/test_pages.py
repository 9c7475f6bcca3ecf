"""The program's own pages say what the program does today."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator

import click
import pytest

from clisk.root import COMMANDS, clisk
from scripts.program_pages import AGENT_PAGE, COMMANDS_PAGE, agent_page, commands_page


def _commands(
    command: click.Command, path: str = ""
) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _commands(inner, f"{path} {name}".strip())


_ALL = dict(_commands(clisk))
# What gives no result: groups, and servers that run until they are stopped.
_WITHOUT_JSON = {
    "",
    "attach",
    "tag",
    "folder",
    "trash",
    "backup",
    "recovery",
    "konnector",
    "data",
    "data export",  # what it writes is JSON itself, or CSV
    "grants",
    "tui",
    "log",
    "agent",
    "agent run",
    "exec",  # what it starts has the output
    "git-credential",  # speaks the protocols of git and docker
    "docker-credential",
    "ssh-agent",  # a server
    "token",
    "completion",  # a script
}


def test_the_page_of_commands_is_what_help_says() -> None:
    """`make vectors` has been run since a command changed."""
    assert COMMANDS_PAGE.read_text(encoding="utf-8") == commands_page()


def test_the_table_of_operations_is_current() -> None:
    """protocol/agent.md names every operation of the agent, and no other."""
    assert AGENT_PAGE.read_text(encoding="utf-8") == agent_page()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_the_command_says(name: str) -> None:
    """A command has a line in `clisk --help` without being imported."""
    assert COMMANDS[name][1].endswith(".")
    assert _ALL[name].help


@pytest.mark.parametrize("path", sorted(_ALL))
def test_each_command_teaches(path: str) -> None:
    """Every command has help, and says it of each of its options."""
    command = _ALL[path]

    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, f"{path}: {parameter.opts}"


def _examples(path: str) -> list[str]:
    """Return the command lines that the help of a command shows."""
    lines = inspect.cleandoc(_ALL[path].help or "").split("\n")
    return [each.strip() for each in lines if each.startswith("  clisk ")]


_REDIRECTED = re.compile(r"\||[0-9]?[<>]")


def _parse(line: str) -> str:
    """Return the path of the command that *line* runs; its parameters are read."""
    words = shlex.split(line, comments=True)
    ends = [at for at, word in enumerate(words) if _REDIRECTED.fullmatch(word)]
    context = clisk.make_context("clisk", words[1 : min(ends, default=len(words))])
    path: list[str] = []
    while isinstance(context.command, click.Group):
        rest = [*context._protected_args, *context.args]
        if not rest:
            break
        name, command, rest = context.command.resolve_command(context, rest)
        assert command is not None
        path.append(str(name))
        try:
            context = command.make_context(name, rest, parent=context)
        except click.BadParameter as err:
            if (
                "No such file" not in err.message
                and "does not exist" not in err.message
            ):
                raise
            break  # the files of an example need not be there
    return " ".join(path)


@pytest.mark.parametrize("path", sorted(path for path in _ALL if path))
def test_each_example_can_be_typed(path: str) -> None:
    """What help shows is a command line that the program accepts."""
    for line in _examples(path):
        assert _parse(line) in _ALL


# Called by other programs, with what those write.
_NEEDS_NO_EXAMPLE = {"docker-credential", "git-credential"}


@pytest.mark.parametrize("path", sorted(set(_ALL) - _NEEDS_NO_EXAMPLE))
def test_each_command_with_choices_has_an_example(path: str) -> None:
    """Its own, or one among those of its group."""
    command = _ALL[path]
    plain = {"as_json", "home"}
    if isinstance(command, click.Group) or {p.name for p in command.params} <= plain:
        return
    group = path.rpartition(" ")[0]
    shown = [*_examples(path), *_examples(group)]

    assert any(path in _parse(line) for line in shown), path


@pytest.mark.parametrize("path", sorted(set(_ALL) - _WITHOUT_JSON))
def test_each_command_speaks_json(path: str) -> None:
    """`--json` is everywhere where there is a result."""
    options = [name for each in _ALL[path].params for name in each.opts]

    assert "--json" in options


@pytest.mark.parametrize("path", sorted(_ALL))
def test_no_option_takes_a_passphrase(path: str) -> None:
    """Secrets come from a terminal or a descriptor: an option only names that."""
    for parameter in _ALL[path].params:
        for word in ("passphrase", "password", "secret", "url-fd"):
            if any(word in name for name in parameter.opts):
                assert parameter.type is click.INT, f"{path}: {parameter.opts}"

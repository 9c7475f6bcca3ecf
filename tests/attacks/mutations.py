"""Take each guard out, one at a time, and see that the scoreboard goes red.

`python -m tests.attacks.mutations` does so for every guard of guards.py and writes
docs/scoreboard-mutations.md; with `--all` it plays every row for every guard, and
says which go red besides those that are listed.

A mutation is made in the running code: the function is compiled anew with the
guard's words replaced, and its code put in place of the old, wherever it is used.
Each is tried in a process of its own, which may hang or die.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import select
import signal
import sys
import tempfile
import textwrap
import time
import traceback
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType

import pytest

from tests.attacks.guards import GUARDS, Guard
from tests.attacks.scoreboard import ROWS, judge, play
from tests.attacks.stage import Row

_ROOT = Path(__file__).parents[2]
PAGE = _ROOT / "docs" / "scoreboard-mutations.md"
# A mutant may wait for ever; so long is it let.
_PATIENCE_SECONDS = 90.0


def function_of(guard: Guard) -> FunctionType:
    """Return the function that the guard stands in."""
    module, _, path = guard.where.partition(":")
    found: object = import_module(module)
    *owners, name = path.split(".")
    for owner in owners:
        found = getattr(found, owner)
    found = inspect.getattr_static(found, name)
    found = getattr(found, "__func__", getattr(found, "fget", found))
    found = inspect.unwrap(found)  # type: ignore[arg-type]  # a function by now
    assert isinstance(found, FunctionType), guard.where
    return found


def mutated_code(guard: Guard) -> CodeType:
    """Return the code of the function without its guard.

    Raises:
        AssertionError: the guard's words do not stand there once.
    """
    function = function_of(guard)
    source = textwrap.dedent(inspect.getsource(function))
    # Decorators are in place already.
    source = source[source.index(f"def {function.__name__}(") :]
    prefix = (
        "async "
        if inspect.iscoroutinefunction(function)
        or (inspect.isasyncgenfunction(function))
        else ""
    )
    assert source.count(guard.old) == 1, f"{guard.name}: moved from {guard.where}"
    changed = prefix + source.replace(guard.old, guard.new)
    flags = annotations.compiler_flag
    module = compile(changed, function.__code__.co_filename, "exec", flags, True)
    code = next(
        each
        for each in module.co_consts
        if isinstance(each, CodeType) and each.co_name == function.__name__
    )
    assert code.co_freevars == function.__code__.co_freevars, guard.where
    return code


@contextlib.contextmanager
def without(guard: Guard) -> Iterator[None]:
    """Take the guard out for as long as this lasts."""
    function = function_of(guard)
    kept = function.__code__
    function.__code__ = mutated_code(guard)
    try:
        yield
    finally:
        function.__code__ = kept


def _reds(guard: Guard, rows: Sequence[Row], tests: Sequence[str]) -> dict[str, str]:
    """Return what goes red without the guard, and in a word why."""
    found: dict[str, str] = {}
    with without(guard):
        for row in rows:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    judge(row, play(row, Path(folder)))
                except BaseException as err:  # noqa: BLE001  # red is red
                    found[row.id] = type(err).__name__
        for test in tests:
            if _fails(test):
                found[test] = "failed"
    return found


class _Watch:
    """Notes what fails."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)


def _fails(test: str) -> bool:
    watch = _Watch()
    options = ["-q", "-x", "--assert=plain", "-p", "no:cacheprovider"]
    options += [
        "-m",
        "not slow",
        f"--rootdir={_ROOT}",
        "-c",
        str(_ROOT / "pyproject.toml"),
    ]
    kept = os.environ.copy(), tempfile.tempdir
    with contextlib.redirect_stdout(io.StringIO()):
        code = pytest.main(
            [*options, str(_ROOT / "tests" / "sync" / test)], plugins=[watch]
        )
    # It chose a folder for temporary files, and has taken that away again.
    os.environ.clear()
    os.environ.update(kept[0])
    tempfile.tempdir = kept[1]
    assert code in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}, (test, code)
    return bool(watch.failed)


def try_out(
    guard: Guard, rows: Sequence[Row], tests: Sequence[str] = ()
) -> dict[str, str]:
    """Return what goes red without *guard*: the name of a row or test, and why."""
    mutated_code(guard)  # or what is not to be found would pass for red
    reading, telling = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            # Whatever a mutant says, it says to nobody.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            answer = json.dumps(_reds(guard, rows, tests))
        except BaseException:  # noqa: BLE001  # told to the parent, which fails
            answer = traceback.format_exc()
        else:
            code = 0
        os.write(telling, answer.encode())
        os._exit(code)
    os.close(telling)
    said = b""
    ends = time.monotonic() + _PATIENCE_SECONDS
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while left := max(0.0, ends - time.monotonic()):
            if not select.select([pipe], [], [], left)[0]:
                break
            chunk = pipe.read(1 << 16)
            if not chunk:
                break
            said += chunk
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    # Red is a row that failed, or a mutant that hangs: not a fault of this program.
    assert os.WIFSIGNALED(status) or status == 0, said.decode()
    if not said:
        names = [*(row.id for row in rows), *tests]
        return dict.fromkeys(names, "does not end")
    answer = json.loads(said)
    assert isinstance(answer, dict)
    return answer


def rows_of(guard: Guard) -> list[Row]:
    """Return the rows that must go red."""
    by_id = {row.id: row for row in ROWS}
    return [by_id[each] for each in guard.rows]


_HEAD = """\
# What the scoreboard is worth

Written by `python -m tests.attacks.mutations`. Each guard is taken out of the code, one
at a time, and what ought to notice is run: rows of the
[scoreboard](scoreboard-sync.md), and tests of `tests/sync`. All that are named here
went red. A guard that nothing misses would stop the run.

| guard | what it says | where | red rows | red tests of `tests/sync` |
| --- | --- | --- | --- | --- |
"""


def _line(guard: Guard) -> str:
    rows = ", ".join(guard.rows)
    tests = ", ".join(f"`{each}`" for each in guard.tests)
    return f"| {guard.name} | {guard.says} | `{guard.where}` | {rows} | {tests} |\n"


def main(arguments: Sequence[str]) -> int:
    """Try each guard; fail where what is listed stays green."""
    every, survived = "--all" in arguments, 0
    named = [each for each in arguments if not each.startswith("-")]
    for guard in GUARDS:
        if named and guard.name not in named:
            continue
        rows = list(ROWS) if every else rows_of(guard)
        reds = try_out(guard, [each for each in rows if not each.slow], guard.tests)
        missing = [each for each in (*guard.rows, *guard.tests) if each not in reds]
        survived += bool(missing) or not reds
        print(f"{guard.name}: {' '.join(reds) or 'SURVIVES'}", flush=True)
        if missing:
            print(f"  still green: {' '.join(missing)}", flush=True)
    if survived:
        print(f"error: {survived} of {len(GUARDS)} are not missed", file=sys.stderr)
        return 1
    if not named:
        PAGE.write_text(_HEAD + "".join(map(_line, GUARDS)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

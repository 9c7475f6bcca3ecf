"""How a refusal looks: `error:` and `hint:` on standard error, never a traceback.

Lower case, no full stop. Knows no error class of the packages below: each of
their trees gives a message and ``advice``, click gives ``format_message``.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback

INTERRUPTED = 130  # what a shell shows for a program that SIGINT ended
# What writing to standard output fails with. Files that we open have errors of
# ours, and name themselves.
_OUTPUT_FAULTS = {errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC}


def report(err: BaseException, *, as_json: bool) -> int:
    """Print *err* and return the exit code."""
    if isinstance(err, SystemExit):
        return err.code if isinstance(err.code, int) else 1
    if isinstance(err, BrokenPipeError):
        _drop_output()  # the reader left: `clisk list | head`
        return 1
    if isinstance(err, KeyboardInterrupt) or type(err).__name__ == "Abort":
        _print("Interrupted", "stopped; what was done stays done", "", as_json=as_json)
        return INTERRUPTED
    if type(err).__name__ == "NoArgsIsHelpError":
        # `clisk` or `clisk log` alone: the text of this error is the whole help.
        sys.stderr.write(f"{err.format_message()}\n")  # type: ignore[attr-defined]  # click's
        return 2
    if _is_of_output(err):
        _drop_output()
    name, message, advice, code = _words(err)
    _print(name, message, advice, as_json=as_json)
    return code


def _words(err: BaseException) -> tuple[str, str, str, int]:
    name = str(getattr(err, "name", "") or type(err).__name__)
    advice = getattr(err, "advice", None)
    if isinstance(advice, str):
        return name, str(err), advice, 2 if name == "UsageError" else 1
    if hasattr(err, "format_message"):
        return _click_words(err)
    if _is_of_output(err):
        reason = os.strerror(getattr(err, "errno", 0))
        return (
            "OutputError",
            f"standard output cannot be written: {reason}",
            "look at where it goes, and whether the disk is full",
            1,
        )
    # A fault of ours. Its message may hold anything, so only its place is shown.
    frames = traceback.extract_tb(err.__traceback__)
    place = f"{frames[-1].filename.rpartition(os.sep)[2]}:{frames[-1].lineno}"
    return (
        "InternalError",
        f"clisk failed inside: {type(err).__name__} at {place}",
        "this is a fault of the program; please report it with the line above",
        1,
    )


def _is_of_output(err: BaseException) -> bool:
    if not isinstance(err, OSError) or err.filename is not None:
        return False
    return err.errno in _OUTPUT_FAULTS


def _drop_output() -> None:
    # Python flushes what is left once more at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _click_words(err: BaseException) -> tuple[str, str, str, int]:
    # One line: click lists the choices of a missing argument on lines of their own.
    message = " ".join(str(err.format_message()).split()).rstrip(".")  # type: ignore[attr-defined]  # click's
    context = getattr(err, "ctx", None)
    path = context.command_path if context is not None else "clisk"
    lower = message[:1].lower() + message[1:]
    return (
        type(err).__name__,
        lower,
        f"{path} --help",
        int(getattr(err, "exit_code", 1)),
    )


def _print(name: str, message: str, advice: str, *, as_json: bool) -> None:
    if as_json:
        import json

        whole = {"error": name, "message": message, "advice": advice}
        sys.stderr.write(json.dumps(whole, ensure_ascii=False) + "\n")
        return
    from clisk.terminal import printable

    sys.stderr.write(f"error: {printable(message)}\n")
    if advice:
        sys.stderr.write(f"hint: {printable(advice)}\n")

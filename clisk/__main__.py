"""Entry point: one way in, one place where every error ends."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line of this process and exit with its code."""
    _open_missing_streams()
    sys.exit(run(sys.argv[1:]))


def docker_credential() -> None:
    """Be `docker-credential-clisk ACTION`, as docker calls it."""
    _open_missing_streams()
    sys.exit(run(["docker-credential", *sys.argv[1:]]))


def run(arguments: list[str]) -> int:
    """Run *arguments* and return the exit code: 0 done, 1 refused, 2 usage."""
    try:
        code = _run(arguments)
        # Here: at exit Python answers a full disk with a traceback and code 120.
        sys.stdout.flush()
        return code
    # BaseException: Ctrl-C, and a browser driver's or codec's panic, end here too.
    except BaseException as err:  # noqa: BLE001 - the root: no traceback leaves
        from clisk import faults

        return faults.report(err, as_json="--json" in arguments)


def _run(arguments: list[str]) -> int:
    from clisk import quick

    if quick.run(arguments):
        return 0
    from clisk import root

    return root.run(arguments)


def _open_missing_streams() -> None:
    """Stand in for streams that are closed (`clisk list >&-`).

    Otherwise the next thing to be opened, the agent's socket say, takes the number
    of one. Standard input is then empty, and writing to standard output fails.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        opened = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        os.set_inheritable(number, True)  # noqa: FBT003  # their signature
        mode = "r" if name == "stdin" else "w"
        setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: SIM115, PTH123  # lives as long as the process


if __name__ == "__main__":
    main()

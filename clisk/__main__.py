"""Entry point: one way in, one place where every error ends."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run *arguments* and return the exit code: 0 done, 1 refused, 2 usage."""
    try:
        from clisk import quick

        if quick.run(arguments):
            return 0
        from clisk import root

        return root.run(arguments)
    # BaseException: Ctrl-C, and a browser driver's or codec's panic, end here too.
    except BaseException as err:  # noqa: BLE001 - the root: no traceback leaves
        from clisk import faults

        return faults.report(err, as_json="--json" in arguments)


if __name__ == "__main__":
    main()

"""konnector new, lint, test: for whoever writes one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from clisk import output
from clisk.commands.options import json_option
from clisk.errors import CliskError

if TYPE_CHECKING:
    from konnector_runner.events import RunEvent
    from konnector_runner.lint import Finding
    from konnector_runner.trial import Trial

trace_option = click.option(
    "--trace",
    metavar="FOLDER",
    type=click.Path(file_okay=False),
    help="Write what was said there, without secrets.",
)


@click.command("new")
@click.argument("name")
@click.argument("folder", required=False, type=click.Path())
@json_option
def new_command(name: str, folder: str | None, as_json: bool) -> None:
    """Write the project of a new konnector called NAME.

    It goes into FOLDER, by default one named after it, with a mock site to test it
    against, so that it runs before the first line of yours is written. It is built
    with npm, cozy-clisk and esbuild; once they are installed no network is needed.

    \b
    Example:
      clisk konnector new "My Energy"
      cd my-energy && npm install && npm test
    """
    from konnector_runner.new_project import new_project, slug_for

    place = Path(folder) if folder else Path(slug_for(name))
    written = new_project(place, name)
    if as_json:
        output.write_json({"folder": str(place), "files": [str(p) for p in written]})
        return
    output.write_line(str(place))
    output.say(f"next: cd {place} && npm install && npm test")


@click.command("lint")
@click.argument("path", type=click.Path(exists=True))
@json_option
def lint_command(path: str, as_json: bool) -> None:
    """Say what is wrong with the konnector in PATH, without running it.

    PATH is the folder of a project (its build/ is looked at), or one with
    manifest.konnector and main.js. Errors keep it from working, and the exit code is
    1; warnings are what authors trip over.

    \b
    Example:
      clisk konnector lint .
    """
    from konnector_runner.lint import Level

    findings = _findings(Path(path))
    errors = sum(each.level is Level.ERROR for each in findings)
    if as_json:
        output.write_json({"findings": [_row(each) for each in findings]})
    for each in findings if not as_json else []:
        place = "" if each.line is None else f" (main.js, line {each.line})"
        output.write_line(f"{each.level.value}: {each.message}{place}")
        output.write_line(f"  {each.advice}")
    if errors:
        raise CliskError(
            f"{output.count(errors, 'error')} in the konnector",
            advice="mend what is listed above, build, and lint again",
        )
    if not findings:
        output.say("nothing to complain about")


@click.command("test")
@click.argument("path", type=click.Path(exists=True, file_okay=False))
@click.option("-v", "--verbose", is_flag=True, help="Tell what the konnector logs.")
@trace_option
@json_option
def test_command(path: str, verbose: bool, trace: str | None, as_json: bool) -> None:
    """Run the konnector of the project PATH against its mock site, offline.

    The site is in PATH/mock: its routes, the made-up account, and what a run is
    expected to come to. Nothing leaves this device, no vault is needed and nothing is
    kept. The exit code is 1 if the run was not as expected.

    \b
    Examples:
      clisk konnector test .
      clisk konnector test . --trace /tmp/trace
    """
    import asyncio

    from konnector_runner.browser_choice import BrowserChoice, find_browser
    from konnector_runner.events import EventKind
    from konnector_runner.trial import load_trial, try_konnector

    def tell(event: RunEvent) -> None:
        if verbose or event.kind is not EventKind.LOG:
            output.say(f"{event.kind.value}: {event.text}")

    konnector, site = load_trial(Path(path))
    trial = asyncio.run(
        try_konnector(
            konnector,
            site,
            browser=BrowserChoice(executable=find_browser()),
            trace=Path(trace) if trace else None,
            on_event=tell,
        )
    )
    _tell_trial(trial, as_json=as_json)
    if not trial.passed:
        raise CliskError(
            "the run was not as expected",
            advice="look at what was said: --verbose, or --trace FOLDER",
        )


def _tell_trial(trial: Trial, *, as_json: bool) -> None:
    if as_json:
        output.write_json(
            {
                "konnector": trial.konnector,
                "passed": trial.passed,
                "faults": list(trial.faults),
                "unanswered": list(trial.unanswered),
                "saved": [file.path for file in trial.report.saved],
                "seconds": round(trial.report.duration_seconds, 1),
            }
        )
        return
    for fault in trial.faults:
        output.write_line(f"fault: {fault}")
    for request in trial.unanswered:
        output.write_line(f"the mock site has no answer to {request}")
    if trial.passed:
        seconds = f"{trial.report.duration_seconds:.1f}"
        output.write_line(f"passed: {trial.konnector}, {seconds} seconds")


def built(path: Path) -> Path:
    """Return where the konnector of the project *path* is built, or *path* itself."""
    inside = path / "build"
    return inside if (inside / "main.js").is_file() else path


def _findings(path: Path) -> list[Finding]:
    from konnector_runner.lint import lint

    folder = built(path)
    texts = []
    for name in ("manifest.konnector", "main.js"):
        try:
            texts.append((folder / name).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            raise CliskError(
                f"there is no readable {name} to look at",
                advice="build the konnector first: npm run build",
            ) from None
    return lint(texts[0], texts[1])


def _row(finding: Finding) -> dict[str, object]:
    return {
        "level": finding.level.value,
        "rule": finding.rule,
        "message": finding.message,
        "advice": finding.advice,
        "line": finding.line,
    }

"""Starts Chromium with a pipe to command it by, and ends it for certain."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from konnector_runner.browser_choice import (
    BrowserChoice,
    find_browser,
    playwrights_browser,
)
from konnector_runner.devtools_pipe import DevToolsPipe
from konnector_runner.errors import BrowserError, BrowserMissingError

_START_SECONDS = 60
_END_SECONDS = 5
_OFF = (
    "AutofillServerCommunication",
    "GlobalMediaControls",
    "InterestFeedContentSuggestions",
    "MediaRouter",
    "OptimizationHints",
    "SpareRendererForSitePerProcess",
    "Translate",
    # Pages of the browser's own, each with a process, for a bar that nobody types in.
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxPopup",
)
# Chromium looks for news of its own at every start; a runner is quiet. What is
# left out of memory here is nothing that keeps one site from another.
_FLAGS = (
    "--remote-debugging-pipe",
    "--no-startup-window",
    "--disable-back-forward-cache",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-extensions-with-background-pages",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-field-trial-config",
    "--disable-gpu",
    "--disable-hang-monitor",
    "--disable-ipc-flooding-protection",
    "--disable-popup-blocking",
    "--disable-prompt-on-repost",
    "--disable-quic",
    "--disable-renderer-backgrounding",
    "--disable-search-engine-choice-screen",
    "--disable-speech-api",
    "--disable-sync",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    # The person's own keyring is none of a konnector's business; the profile is
    # sealed as a whole when the run ends.
    "--password-store=basic",
    "--use-mock-keychain",
    f"--disable-features={','.join(_OFF)}",
)
# The browser's own manager of passwords and of forms would keep what is typed.
_PREFERENCES = {
    "credentials_enable_service": False,
    "profile": {"password_manager_enabled": False},
    "autofill": {"profile_enabled": False, "credit_card_enabled": False},
}


@contextlib.asynccontextmanager
async def run_chromium(choice: BrowserChoice) -> AsyncIterator[DevToolsPipe]:
    """Start the browser, and end it with every process of it.

    Raises:
        BrowserMissingError: there is none to start; the advice says what to do.
        BrowserError: it did not start.
    """
    executable = choice.executable or find_browser() or playwrights_browser()
    if executable is None:
        raise BrowserMissingError("no Chromium browser was found")
    with _profile(choice) as profile:
        process, pipe = await _start(executable, choice, profile)
        try:
            yield pipe
        finally:
            await _stop(process, pipe)


@contextlib.contextmanager
def _profile(choice: BrowserChoice) -> Iterator[Path]:
    if choice.profile is not None:
        choice.profile.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_preferences(choice.profile)
        yield choice.profile
        return
    folder = Path(tempfile.mkdtemp(prefix="clisk-browser-"))
    try:
        _write_preferences(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_preferences(profile: Path) -> None:
    path = profile / "Default" / "Preferences"
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(json.dumps(_PREFERENCES), encoding="utf-8")


def _arguments(choice: BrowserChoice, profile: Path) -> list[str]:
    arguments = [*_FLAGS, f"--user-data-dir={profile}", f"--lang={choice.locale}"]
    if choice.headless:
        arguments += ["--headless=new", "--hide-scrollbars"]
    else:
        arguments.append(f"--window-size={choice.width},{choice.height + 120}")
    if choice.site is not None:
        # No name has an address, so nothing can leave; and frames of other sites
        # stay in their page's process, where their requests can be answered too.
        arguments += [
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--disable-site-isolation-trials",
            f"--disable-features={','.join(_OFF)},IsolateOrigins,site-per-process",
        ]
    if os.geteuid() == 0:
        # Chromium refuses to run as root inside its sandbox.
        arguments.append("--no-sandbox")
    return arguments


async def _start(
    executable: Path, choice: BrowserChoice, profile: Path
) -> tuple[asyncio.subprocess.Process, DevToolsPipe]:
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    # The browser wants the numbers 3 and 4; a shell can give them without code
    # of ours running between fork and exec.
    script = f'exec "$@" 3</dev/fd/{theirs_in} 4>/dev/fd/{theirs_out}'
    try:
        if not os.access(executable, os.X_OK):
            raise BrowserMissingError("the browser named is not a program")
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", script, "sh", str(executable)),
            *_arguments(choice, profile),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(theirs_in, theirs_out),
            # Ctrl-C is for us: the browser is ended in order.
            start_new_session=True,
        )
    except BaseException:
        os.close(ours_in)
        os.close(ours_out)
        raise
    finally:
        os.close(theirs_in)
        os.close(theirs_out)
    pipe = await DevToolsPipe.over(ours_in, ours_out)
    try:
        async with asyncio.timeout(_START_SECONDS):
            await pipe.send("Browser.getVersion")
    except BaseException as err:
        await _stop(process, pipe)
        if isinstance(err, BrowserError | TimeoutError):
            raise BrowserError(
                "the browser did not start",
                advice="try it by hand; without a screen it must be headless; "
                "CLISK_BROWSER names another",
            ) from err
        raise
    return process, pipe


async def _stop(process: asyncio.subprocess.Process, pipe: DevToolsPipe) -> None:
    """Ask it to end, so that cookies reach the disk; then see to it."""
    try:
        async with asyncio.timeout(_END_SECONDS):
            with contextlib.suppress(BrowserError):
                await pipe.send("Browser.close")
            await process.wait()
    except TimeoutError:
        pass
    finally:
        # All of its session: a renderer may outlive the browser.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await pipe.close()
        await process.wait()

"""The home folder and the disk it is on: whose, for whom, how much is left."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from clisk.checkup.finding import Finding, bad, note, ok
from clisk.home import Home

_LEAST_BYTES = 16 << 20
_LITTLE_BYTES = 256 << 20
_DAY_SECONDS = 86_400
# Where SQLite's write-ahead log cannot share memory between two processes.
_FAR = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "afs", "glusterfs", "ceph")
_MOUNTS = Path("/proc/self/mountinfo")


def check(home: Home) -> Iterator[Finding]:
    """Yield what is to be said of the folder of *home*."""
    folder = Path(home.folder)
    try:
        found = folder.stat()
    except OSError as err:
        missing = isinstance(err, FileNotFoundError)
        if missing:
            yield note(
                "folder", f"{folder} is not there yet", "make a vault: clisk init"
            )
        else:
            yield bad("folder", f"{folder}: {err.strerror}", "choose another: --home")
        return
    if not stat.S_ISDIR(found.st_mode):
        yield bad("folder", f"{folder} is no folder", "choose another: --home FOLDER")
        return
    yield ok("folder", str(folder))
    files, refused = _look_into(folder)
    yield _permissions(folder, files, refused)
    yield _disk(folder)
    yield _space(folder)
    yield _dates(files)


_Files = dict[Path, os.stat_result]


def _look_into(folder: Path) -> tuple[_Files, OSError | None]:
    """Return the folder and what is in it, up to where the system refused."""
    files: _Files = {}
    try:
        files[folder] = folder.lstat()
        for path in sorted(folder.iterdir()):
            # An agent that ends meanwhile takes its socket with it.
            with suppress(FileNotFoundError):
                files[path] = path.lstat()
    except OSError as err:
        return files, err
    return files, None


def _permissions(folder: Path, files: _Files, refused: OSError | None) -> Finding:
    name = "permissions"
    mine = os.getuid()
    for path, found in files.items():
        if found.st_uid != mine:
            return bad(name, f"{path} belongs to another user", f"chown it: {path}")
        if not stat.S_ISLNK(found.st_mode) and stat.S_IMODE(found.st_mode) & 0o077:
            advice = f"chmod -R go-rwx '{folder}'"
            return bad(name, f"others may use {path}", advice)
    if refused is not None:
        says = f"{refused.filename or folder}: {refused.strerror}"
        advice = f"chmod u+rwx '{folder}', or choose another folder: --home"
        return bad(name, says, advice)
    for above in folder.resolve().parents:
        mode = above.stat().st_mode
        # With the sticky bit, as /tmp has it, nobody moves what is another's.
        if mode & 0o022 and not mode & stat.S_ISVTX:
            return bad(
                name,
                f"others may replace what is in {above}",
                f"chmod go-w '{above}', or choose another folder: --home",
            )
    return ok(name, "yours alone")


def _disk(folder: Path) -> Finding:
    kind = _file_system(folder)
    if kind.startswith(_FAR):
        return bad(
            "disk",
            f"the folder is on another machine ({kind}), where a database may break",
            "keep the vault on a disk of this device; sync is what brings it elsewhere",
        )
    if not os.access(folder, os.W_OK):
        advice = f"chmod u+rwx '{folder}', or mount its disk for writing"
        return bad("disk", "nothing can be written there", advice)
    return ok("disk", kind or "of this device")


def _file_system(folder: Path) -> str:
    """Return the kind of file system that *folder* is on; "" where nobody tells."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    path, best, kind = str(folder.resolve()), "", ""
    for line in lines:
        before, _, after = line.partition(" - ")
        point = before.split()[4].replace("\\040", " ")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, after.split()[0]
    return kind


def _space(folder: Path) -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as err:
        return bad("space", f"{folder}: {err.strerror}", "choose another: --home")
    says = f"{free >> 20:,} MiB free"
    advice = "make room: a full disk stops what must be recorded first"
    if free < _LEAST_BYTES:
        return bad("space", says, advice)
    return note("space", says, advice) if free < _LITTLE_BYTES else ok("space", says)


def _dates(files: _Files) -> Finding:
    """Compare the clock with what it said before: a file of tomorrow tells of it."""
    ahead = max((each.st_mtime for each in files.values()), default=0.0)
    if ahead > time.time() + _DAY_SECONDS:
        return bad(
            "clock",
            "files here are from the future, or the clock is behind",
            "set the clock; by it, codes are made and edits are ordered",
        )
    return ok("clock", time.strftime("%Y-%m-%d %H:%M:%S %z"))

"""Python, our own version, and the libraries, as the package asks for them."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec

from clisk.checkup.finding import Finding, bad, ok
from clisk.home import Home

_NAME = "clisk-vault"
_OLDEST = (3, 11)
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*(==|>=)?\s*([^;,\s]*)")
# Those with machine code in them: there, and still not to be loaded.
_COMPILED = (
    *("automerge.core", "argon2", "cbor2", "cryptography.hazmat.bindings._rust"),
    *("nacl.bindings", "rapidfuzz", "pyrage", "sqlite3"),
)
# What the agent starts with: the list of what is installed may be older than what is.
_AGENTS = ("aiohttp", "clisk.agent.process")
# extra: what shows that it is installed
_EXTRAS = {
    "tui": "textual",
    "dashboard": "jinja2",
    "keepass": "pykeepass",
    "relay": "sqlalchemy",
}
AGAIN = f"install it anew: pip install --force-reinstall {_NAME}"


def check(_home: Home) -> Iterator[Finding]:
    """Yield what is to be said of the program itself."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _OLDEST:
        yield bad("python", f"{version} is too old", "use Python 3.11 or newer")
    else:
        yield ok("python", version)
    yield _libraries()
    have = [extra for extra, module in _EXTRAS.items() if find_spec(module)]
    lacks = [extra for extra in _EXTRAS if extra not in have]
    says = f"installed: {', '.join(have) or 'none'}"
    if lacks:
        says += f"; not: {', '.join(lacks)}"
    advice = f"pip install '{_NAME}[{','.join(lacks)}]'" if lacks else ""
    yield ok("optional parts", says, advice)


def _libraries() -> Finding:
    faults = [
        fault
        for line in metadata.requires(_NAME) or []
        if "extra ==" not in line and (fault := fault_of(line))
    ]
    faults += [fault for name in (*_COMPILED, *_AGENTS) if (fault := _fault_in(name))]
    # Each part of the agent is loaded as it starts.
    if not faults and (fault := _fault_in("clisk.agent.operations", "load")):
        faults.append(fault)
    if faults:
        return bad("libraries", "; ".join(faults), AGAIN)
    return ok("libraries", f"{_NAME} {metadata.version(_NAME)} has what it needs")


def _fault_in(module: str, call: str = "") -> str:
    """Load *module*, *call* that of it, and return what went wrong, or nothing."""
    try:
        loaded = importlib.import_module(module)
        if call:
            getattr(loaded, call)()
    # Whatever a broken library raises: it is told, and the next is looked at.
    except Exception as err:  # noqa: BLE001
        return f"{module} does not load ({type(err).__name__})"
    return ""


def fault_of(requirement: str) -> str:
    """Return what is wrong with a library that the package asks for, or nothing."""
    if "sys_platform" in requirement and repr(sys.platform) not in requirement:
        if f'"{sys.platform}"' not in requirement:
            return ""
    found = _REQUIREMENT.match(requirement)
    assert found is not None, "metadata of ours"
    name, how, wanted = found.groups()
    try:
        there = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is missing"
    if how == "==" and there != wanted:
        return f"{name} is {there}, not {wanted}"
    if how == ">=" and _numbers(there) < _numbers(wanted):
        return f"{name} is {there}, older than {wanted}"
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    final = version.partition("rc")[0]
    return tuple(int(each) for each in re.findall(r"\d+", final))

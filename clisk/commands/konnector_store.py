"""konnector install, list, show, update, remove: what is on this device to be run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clisk import output
from clisk.commands.options import json_option, konnector_names
from clisk.errors import CliskError
from clisk.home import Home

if TYPE_CHECKING:
    from konnector_runner.installed import Installed, InstalledKonnectors
    from konnector_runner.konnector import Konnector


def installed_konnectors(home: Home) -> InstalledKonnectors:
    """Return the konnectors that are installed in *home*."""
    from konnector_runner.installed import InstalledKonnectors

    return InstalledKonnectors(Path(home.konnectors))


yes_option = click.option("--yes", is_flag=True, help="Answer yes beforehand.")


@click.command("install")
@click.argument("path", type=click.Path(exists=True))
@yes_option
@json_option
@click.pass_obj
def install_command(home: Home, path: str, yes: bool, as_json: bool) -> None:
    """Install the konnector in PATH: a folder, a .zip or a .tgz.

    Of an archive only manifest.konnector and main.js are read. Its code is pinned by
    its digest: what changes on disk afterwards is not run. Installing grants
    nothing; the first run asks.

    \b
    Examples:
      clisk konnector install ./shop
      clisk konnector install shop-1.2.0.tgz
    """
    from konnector_runner.archive import read_konnector

    konnector = read_konnector(Path(path))
    slug = konnector.manifest.slug
    store = installed_konnectors(home)
    if slug in store.slugs():
        raise CliskError(
            "a konnector by this name is installed already",
            advice=f"clisk konnector update {path}",
        )
    _describe(konnector)
    _confirm("Install it?", yes=yes)
    _put(home, konnector, path)
    _answer(konnector, as_json=as_json)


@click.command("update")
@click.argument("path", type=click.Path(exists=True))
@yes_option
@json_option
@click.pass_obj
def update_command(home: Home, path: str, yes: bool, as_json: bool) -> None:
    """Install the new version in PATH in place of the one that is installed.

    It shows what changes: code, version, size, and what it asks for. Grants are for
    one digest, so the first run of the new version asks again.

    \b
    Example:
      clisk konnector update edf-1.2.tgz
    """
    from konnector_runner.archive import read_konnector
    from konnector_runner.konnector_diff import compare

    konnector = read_konnector(Path(path))
    old = installed_konnectors(home).load(konnector.manifest.slug).konnector
    changes = compare(old, konnector)
    if not changes:
        output.say("this version is installed already")
    else:
        for change in changes:
            mark = "  (asks for more!)" if change.widens else ""
            output.say(
                f"{change.what}: {change.old or 'none'} → {change.new or 'none'}{mark}"
            )
        output.say("what you granted to the old code does not hold for the new one")
        _confirm("Update it?", yes=yes)
        _put(home, konnector, path)
    _answer(konnector, as_json=as_json)


@click.command("list")
@json_option
@click.pass_obj
def list_command(home: Home, as_json: bool) -> None:
    """List the konnectors that are installed.

    In a pipe each line is: name, version, the first digits of its digest, since when.
    """
    from konnector_runner.errors import KonnectorError

    store = installed_konnectors(home)
    rows: list[dict[str, object]] = []
    for slug in store.slugs():
        try:
            rows.append(_row(store.load(slug)))
        except KonnectorError as err:
            rows.append({"konnector": slug, "fault": str(err)})
    if as_json:
        output.write_json({"konnectors": rows})
        return
    output.write_table(
        ("NAME", "VERSION", "CODE", "SINCE"),
        (
            (
                row["konnector"],
                row.get("version", "not as installed!"),
                str(row.get("digest", ""))[:16],
                row.get("installed", ""),
            )
            for row in rows
        ),
    )


@click.command("show")
@click.argument("name", shell_complete=konnector_names)
@json_option
@click.pass_obj
def show_command(home: Home, name: str, as_json: bool) -> None:
    """Show what an installed konnector is, and what it asks for.

    NAME is what `clisk konnector list` shows, or a folder or an archive that is not
    installed yet.

    \b
    Example:
      clisk konnector show edf
    """
    from konnector_runner.archive import read_konnector
    from konnector_runner.installed import Installed

    store = installed_konnectors(home)
    if name not in store.slugs() and Path(name).exists():
        found = Installed(read_konnector(Path(name)), "", str(Path(name).absolute()))
    else:
        found = store.load(name)
    row = _row(found)
    if as_json:
        output.write_json(row)
        return
    output.write_facts([(key, value) for key, value in row.items() if value])


@click.command("remove")
@click.argument("name", shell_complete=konnector_names)
@json_option
@click.pass_obj
def remove_command(home: Home, name: str, as_json: bool) -> None:
    """Remove an installed konnector; what it collected stays where it is.

    Its grants stay too, and hold for nothing else: clisk grants revoke takes them back.

    \b
    Example:
      clisk konnector remove edf
    """
    installed_konnectors(home).remove(name)
    if as_json:
        output.write_json({"removed": name})


def _row(found: Installed) -> dict[str, object]:
    from konnector_runner.konnector_diff import asks_for

    manifest = found.konnector.manifest
    return {
        "konnector": manifest.slug,
        "name": manifest.name,
        "version": manifest.version,
        "digest": found.konnector.digest.hex(),
        **dict(asks_for(manifest)),
        "size": len(found.konnector.bundle.encode()),
        "installed": found.installed,
        "source": found.source,
    }


def _describe(konnector: Konnector) -> None:
    from konnector_runner.konnector_diff import asks_for

    manifest = konnector.manifest
    output.say(f"“{manifest.name}” ({manifest.slug} {manifest.version})")
    output.say(
        f"code: {konnector.digest.hex()[:16]}, {len(konnector.bundle)} characters"
    )
    for what, value in asks_for(manifest):
        output.say(f"{what}: {value or 'none'}")
    output.say("nobody has checked this code for you")


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    from clisk.passphrase_input import ask_line

    answer = ask_line(f"{question} Type yes: ", advice="answer yes beforehand: --yes")
    if answer.casefold() != "yes":
        raise CliskError(
            "not confirmed, so nothing was changed",
            advice="run it again when you are sure; the installed version stays in use",
        )


def _put(home: Home, konnector: Konnector, path: str) -> None:
    home.make()
    source = str(Path(path).absolute())
    installed_konnectors(home).put(konnector, source=source, now=datetime.now(UTC))


def _answer(konnector: Konnector, *, as_json: bool) -> None:
    digest = konnector.digest.hex()
    if as_json:
        output.write_json({"konnector": konnector.manifest.slug, "digest": digest})
    else:
        output.write_line(konnector.manifest.slug)

"""sync: exchange news with the other devices, and how things stand with them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, cast

import click

from clisk import output
from clisk.commands.options import ask_agent, invite_option, json_option
from clisk.errors import UsageError
from clisk.home import Home
from clisk.output import count
from clisk.times import ago, date_and_time
from clisk.wire import Message


@click.group("sync", invoke_without_command=True)
@click.option("--relay", "relay_url", metavar="URL", help="Use this relay from now on.")
@invite_option
@json_option
@click.pass_context
def sync_command(
    context: click.Context, relay_url: str | None, invite: str, as_json: bool
) -> None:
    """Send what is new here and fetch what is new elsewhere.

    The agent does this by itself while the vault is open; this waits for it and
    says what happened. Without a relay in reach nothing is lost: changes wait.

    \b
    Examples:
      clisk sync
      clisk sync --relay http://127.0.0.1:8470
      clisk sync status
      clisk sync code          # compare with another device's screen
      clisk sync compact       # one snapshot instead of many envelopes
    """
    if context.invoked_subcommand is not None:
        return
    home = cast(Home, context.obj)
    if invite and relay_url is None:
        raise UsageError("--invite is for a relay", advice="name it: --relay URL")
    if relay_url is not None:
        ask_agent(home, "relay.set", {"url": relay_url, "invite": invite})
    answer = ask_agent(home, "sync")
    if as_json:
        output.write_json(answer)
    else:
        _tell(answer)


@sync_command.command("compact")
@json_option
@click.pass_obj
def compact_command(home: Home, as_json: bool) -> None:
    """Pack the vault into one snapshot, so that the relay can drop old envelopes.

    Nothing is lost by it: every value that a field ever had is in the snapshot.
    The relay deletes what the snapshot covers once each of your devices has
    signed that it has all of it; they do that by themselves. A new device then
    starts from the snapshot. The agent compacts on its own when enough has come
    together; this does it now. Ctrl-C is safe at any moment.

    \b
    Examples:
      clisk sync compact
      clisk sync compact --json
    """
    answer = ask_agent(home, "sync.compact", on_event=_progress)
    if as_json:
        output.write_json(answer)
        return
    if answer["made"]:
        covered = output.count(answer["envelopes"], "envelope")
        output.say(
            f"snapshot {answer['height']} made: {covered} of {_kib(answer['bytes'])}"
            f" in {_kib(answer['snapshot_bytes'])}"
        )
    elif answer["height"]:
        output.say(f"nothing to do: snapshot {answer['height']} covers what is there")
    else:
        output.say("nothing to do: nothing was sent yet")
    if names := cast(list[str], answer["waiting_for"]):
        output.say(
            f"the relay keeps the envelopes until heard from: {', '.join(names)}"
        )
    _tell_alerts(answer)


def _kib(size: object) -> str:
    return f"{cast(int, size) / 1024:,.0f} KiB"


def _progress(_event: str, data: Message) -> None:
    if data["of"]:
        output.say(f"{data['doing']}: {data['done']} of {data['of']}")


def _tell(answer: Message) -> None:
    output.say(f"sent {answer['sent']}, received {answer['received']}")
    _tell_alerts(answer)


def _tell_alerts(answer: Message) -> None:
    for alert in cast(list[dict[str, Any]], answer["alerts"]):
        output.say(f"warning: {alert['message']}")
        if alert["advice"]:
            output.say(f"hint: {alert['advice']}")


@sync_command.command("status")
@click.option("--all", "everything", is_flag=True, help="With acknowledged alerts.")
@json_option
@click.pass_obj
def status_command(home: Home, everything: bool, as_json: bool) -> None:
    """Show relay, devices, the age of their news, and what was found.

    Asks nobody: it is what this device knows. A device that is in use is heard of
    at least daily; silence means that it is off, or that the relay keeps it back.
    An alert stays until `clisk sync seen`; its evidence stays for good.
    """
    answer = ask_agent(home, "sync.status", {"everything": everything})
    if as_json:
        output.write_json(answer)
        return
    output.write_facts(_facts(answer))
    output.write_line()
    output.write_table(
        ("DEVICE", "ID", "LAST HEARD FROM", "ENVELOPES", "NOTE"),
        [_row(row) for row in cast(list[dict[str, Any]], answer["devices"])],
    )
    alerts = cast(list[dict[str, Any]], answer["alerts"])
    output.write_line()
    if not alerts:
        found = "nothing new" if answer["acknowledged"] else "nothing"
        output.write_line(f"{found} was found against the relay or a device")
    for alert in alerts:
        _show(alert)


_STATES = {
    "ok": "in step",
    "restored": "restored from a backup, or copied: nothing is sent (see below)",
    "revoked": "this device is no member any more",
}


def _state(answer: Message) -> str:
    """Say in a word how it stands; nothing is in step that cannot be known to be."""
    if answer["state"] == "ok" and not answer["relay"]:
        return "alone: without a relay nothing leaves this device"
    if answer["state"] == "ok" and answer["trouble"]:
        return "as of the last contact: syncing has failed since"
    return _STATES[str(answer["state"])]


def _facts(answer: Message) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("state", _state(answer)),
        ("relay", answer["relay"] or "none is set"),
        ("last contact", ago(answer["last_contact_ms"])),
    ]
    trouble = cast(dict[str, Any] | None, answer["trouble"])
    if trouble is not None:
        facts.append(("trouble", f"{trouble['message']} ({ago(trouble['at_ms'])})"))
        if trouble["advice"]:
            facts.append(("next step", trouble["advice"]))
    for name, key in (
        ("not sent yet", "unsent"),
        ("waiting for others", "waiting"),
        ("refused changes", "quarantined"),
        ("unreadable envelopes", "set_aside"),
        ("alerts seen", "acknowledged"),
    ):
        if answer[key]:
            facts.append((name, answer[key]))
    facts.append(("safety code", answer["safety_code"]))
    return facts


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    heard = "this device" if row["this"] else ago(row["heard_ms"])
    note = ""
    if row["dormant"]:
        heard, note = "", "a recovery kit"
    elif row["missing_since_ms"] is not None:
        note = f"news kept back since {date_and_time(row['missing_since_ms'])}"
    elif row["quiet"]:
        note = "quiet: off, or kept back by the relay"
    return (row["name"], row["device"], heard, row["number"], note)


def _show(alert: dict[str, Any]) -> None:
    name = "now" if alert["id"] is None else f"alert {alert['id']}"
    seen = ", seen" if alert["acknowledged"] else ""
    when = date_and_time(alert["found_ms"])
    output.write_line(f"{name}: {alert['says']} ({when}{seen})")
    output.write_line(f"  next: {alert['next']}")
    if alert["evidence"]:
        output.write_line(f"  evidence: {count(alert['evidence'], 'signed message')}")


@sync_command.command("seen")
@click.argument("alerts", metavar="[ALERT]...", nargs=-1, type=int)
@json_option
@click.pass_obj
def seen_command(home: Home, alerts: tuple[int, ...], as_json: bool) -> None:
    """Acknowledge alerts by their numbers, or all. Their evidence stays.

    \b
    Examples:
      clisk sync seen 3
      clisk sync seen
    """
    answer = ask_agent(home, "sync.acknowledge", {"ids": list(alerts)})
    if as_json:
        output.write_json(answer)
    else:
        output.say(f"seen: {count(answer['count'], 'alert')}")


@sync_command.command("code")
@json_option
@click.pass_obj
def code_command(home: Home, as_json: bool) -> None:
    """Show the safety code, to compare with the one on another device's screen.

    Equal: both know the same members and the same news, and no relay stands
    between them. Different: sync both, without writing, and look again. If it
    stays different, the relay shows each of them another world. Asks nobody.
    """
    answer = ask_agent(home, "sync.code")
    if as_json:
        output.write_json(answer)
        return
    output.write_line(str(answer["code"]))
    output.say("compare all six groups with `clisk sync code` on the other device")


@sync_command.command("evidence")
@click.option(
    "--to", type=click.Path(dir_okay=False), help="Write what was found here."
)
@click.option(
    "--check",
    type=click.Path(exists=True, dir_okay=False),
    help="Check such a file; needs no vault.",
)
@json_option
@click.pass_obj
def evidence_command(
    home: Home, to: str | None, check: str | None, as_json: bool
) -> None:
    """Hand out what was found, with the signed messages that show it; or check it.

    The file holds no secret and no name: whoever gets it can check with --check,
    or with a program of their own (protocol/evidence.md), what it proves.

    \b
    Examples:
      clisk sync evidence --to found.clisk
      clisk sync evidence --check found.clisk
    """
    if (to is None) is (check is None):
        raise UsageError("give --to FILE or --check FILE")
    if check is not None:
        _check(Path(check), as_json=as_json)
        return
    assert to is not None
    data = base64.b64decode(str(ask_agent(home, "sync.evidence")["file"]))
    _write_new(Path(to), data)
    if as_json:
        output.write_json({"file": to, "bytes": len(data)})
    else:
        output.say(f"written: {to}; check it with: clisk sync evidence --check {to}")


def _write_new(path: Path, data: bytes) -> None:
    from clisk.errors import CliskError

    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise UsageError(
            "--to: there is a file by that name", advice="name a new one"
        ) from None
    except OSError as err:
        raise CliskError(
            f"the file cannot be written: {err.strerror}",
            advice="name a file in a folder of yours",
        ) from None


def _check(path: Path, *, as_json: bool) -> None:
    from clisk.errors import CliskError
    from clisk_sync.evidence import MAX_FILE_BYTES, check_evidence, parse_evidence

    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as err:
        raise CliskError(
            f"the file cannot be read: {err.strerror}", advice="name another"
        ) from None
    found = parse_evidence(data)
    rows = [
        {
            "kind": each.kind,
            "device": None if each.device is None else each.device.hex(),
            "number": each.number,
            "found_ms": each.found_ms,
            "verdict": verdict.value,
        }
        for each, verdict in zip(found.findings, check_evidence(found), strict=True)
    ]
    if as_json:
        output.write_json({"vault_id": found.vault.hex(), "findings": rows})
        return
    output.say(f"vault {found.vault.hex()}: {count(len(rows), 'finding')}")
    output.write_table(
        ("VERDICT", "FINDING", "DEVICE", "NUMBER", "FOUND"),
        (
            (
                row["verdict"],
                row["kind"],
                str(row["device"] or "")[:8],
                row["number"],
                date_and_time(row["found_ms"]),
            )
            for row in rows
        ),
    )

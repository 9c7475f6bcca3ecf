"""The main job in five steps, each held to its outcome."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
from pathlib import Path

from demo import pairing, tampering
from demo.device import Device
from demo.relay import DemoRelay
from demo.site.konnector import place_konnector
from demo.site.server import DemoSite, serve_demo_site
from demo.telling import StoryError, Telling

_ROOT = Path(__file__).parents[1]
OUT = Path(__file__).parent / "out"
EXPORT = _ROOT / "tests" / "data" / "bitwarden" / "export.json"
_EMAIL = "alice@example.org"


class Story:
    """Two devices, a relay, and what happens to one person's passwords."""

    def __init__(self, folder: Path, telling: Telling) -> None:
        self.telling = telling
        self.folder = folder
        self.laptop = Device("laptop", folder, telling)
        self.phone = Device("phone", folder, telling)
        self.relay = DemoRelay(folder, telling)
        self.bills = folder / "bills"
        self.laptop_passphrase = "laptop: correct horse battery staple"
        self.phone_passphrase = "phone: another horse entirely"
        # Every secret of the story, to look for where none may be.
        self.planted = ["s3cr3t-2", "4111111111111111", "secret text"]

    def create(self) -> None:
        """Step 1: a vault, a relay, and everything from Bitwarden."""
        telling, laptop = self.telling, self.laptop
        telling.step(1, "A vault on the laptop, and everything from Bitwarden in it")
        self.relay.start()
        telling.say(f"a relay runs at {self.relay.url}, on SQLite")
        laptop.run(
            *("init", "--name", "laptop", "--relay", self.relay.url),
            *("--passphrase-fd", "0"),
            given=self.laptop_passphrase,
        )
        laptop.run("import", str(EXPORT))
        telling.check("the import kept every value of the export", holds=self._kept())

    def _kept(self) -> bool:
        export = json.loads(EXPORT.read_text(encoding="utf-8"))
        login, identity, note, card = export["items"]
        expected = {
            ("GitHub", "username"): login["login"]["username"],
            ("GitHub", "password"): login["login"]["password"],
            ("GitHub", "totp"): login["login"]["totp"],
            ("GitHub", "notes"): login["notes"],
            ("GitHub", "uri"): login["login"]["uris"][0]["uri"],
            ("GitHub", "uri 2"): login["login"]["uris"][1]["uri"],
            ("GitHub", "folder"): export["folders"][0]["name"],
            ("GitHub", "earlier password"): login["passwordHistory"][0]["password"],
            **{("GitHub", f["name"]): f["value"] for f in login["fields"][:3]},
            ("Me", "identity.email"): identity["identity"]["email"],
            ("Me", "identity.first_name"): identity["identity"]["firstName"],
            ("Me", "identity.last_name"): identity["identity"]["lastName"],
            ("My note", "notes"): note["notes"],
            ("Visa", "card.holder"): card["card"]["cardholderName"],
            ("Visa", "card.number"): card["card"]["number"],
            ("Visa", "card.code"): card["card"]["code"],
            ("Visa", "card.exp_month"): card["card"]["expMonth"],
            ("Visa", "card.exp_year"): card["card"]["expYear"],
        }
        return all(
            self.laptop.secret(item, field) == value
            for (item, field), value in expected.items()
        )

    def pair(self) -> None:
        """Step 2: the phone comes in."""
        self.telling.step(2, "A phone, paired by a QR picture and six typed digits")
        pairing.pair(
            self.laptop,
            self.phone,
            self.folder / "pairing.png",
            self.telling,
            passphrase=self.phone_passphrase,
        )
        names = {row["name"] for row in self.laptop.ask("devices")["devices"]}
        self.telling.check(
            "both devices are members, on both", holds=names == {"laptop", "phone"}
        )
        self.telling.check(
            "the phone has the password",
            holds=self.phone.secret("GitHub", "password") == "s3cr3t-2",
        )

    def travel(self) -> None:
        """Step 3: a change travels, and two changes meet."""
        telling, laptop, phone = self.telling, self.laptop, self.phone
        telling.step(3, "A changed password travels; two at once both survive")
        changed = self._new_secret()
        phone.run("edit", "GitHub", "--read", "password=0", given=changed)
        phone.run("sync")
        laptop.run("sync")
        telling.check(
            "the laptop has the password that was set on the phone",
            holds=laptop.secret("GitHub", "password") == changed,
        )
        self.relay.stop()
        telling.say("the relay is gone: both devices are offline now")
        by_laptop, by_phone = self._new_secret(), self._new_secret()
        laptop.run("edit", "GitHub", "--read", "password=0", given=by_laptop)
        phone.run("edit", "GitHub", "--read", "password=0", given=by_phone)
        self.relay.start()
        telling.say("the relay is back")
        for device in (laptop, phone, laptop):
            device.run("sync", show=False)
        self._settle({by_laptop, by_phone})

    def _settle(self, written: set[str]) -> None:
        telling, laptop, phone = self.telling, self.laptop, self.phone
        laptop.run("conflicts")
        (conflict,) = laptop.ask("conflicts")["conflicts"]
        about = ("--settle", "GitHub", "--field", "password")
        versions = [each["version"] for each in conflict["versions"]]
        values = {
            laptop.ask("conflicts", *about, "--show", version)["value"]
            for version in versions
        }
        telling.check("neither of the two was lost", holds=values == written)
        laptop.run("conflicts", *about, "--keep", versions[1])
        for device in (laptop, phone):
            device.run("sync", show=False)
        same = {device.secret("GitHub", "password") for device in (laptop, phone)}
        telling.check(
            "the person has settled it, on both devices",
            holds=len(same) == 1 and same < written,
        )

    def collect(self) -> None:
        """Step 4: a konnector logs in and saves bills."""
        self.telling.step(4, "A konnector logs in, without ever seeing the password")
        with serve_demo_site(_EMAIL, self._new_secret()) as site:
            self._collect(site, self.planted[-1])

    def _collect(self, site: DemoSite, password: str) -> None:
        telling, laptop = self.telling, self.laptop
        telling.say(f"a site with a login and three bills runs at {site.url}")
        konnector = place_konnector(site.url, self.folder / "konnector")
        laptop.run(
            *("add", "login", "Demo Energy", "--username", _EMAIL),
            *("--uri", site.url, "--read", "password=0"),
            given=password,
        )
        laptop.run(
            *("konnector", "run", str(konnector), "--item", "Demo Energy"),
            *("--grant", "--to", str(self.bills)),
        )
        saved = sorted(self.bills.rglob("*.pdf"))
        telling.check("the site saw one login", holds=site.logins == 1)
        telling.check(
            f"three bills are on the disk, such as {saved[0].name if saved else '?'}",
            holds=len(saved) == 3
            and all(each.read_bytes().startswith(b"%PDF-") for each in saved),
        )

    def account(self) -> None:
        """Step 5: who read what, and whether that can be trusted."""
        telling, laptop = self.telling, self.laptop
        telling.step(5, "The access log: who read what, why, for which site, when")
        laptop.run("log", "list", "--last", "6")
        reads = laptop.ask("log", "list", "--last", "3")["records"]
        telling.check(
            "the konnector's read of the password is there, with its site",
            holds=any(
                read["kind"] == "konnector"
                and read["field"] == "password"
                and str(read["origin"]).startswith("http://127.0.0.1:")
                for read in reads
            ),
        )
        laptop.run("log", "verify")
        telling.check("it verifies", holds=laptop.ask("log", "verify")["intact"])
        tampering.change_one_byte(self)
        telling.check(
            "the relay's database holds none of the secrets",
            holds=not tampering.found_in(self.relay.database, self.planted),
        )

    def _new_secret(self) -> str:
        secret = secrets.token_urlsafe(12)
        self.planted.append(secret)
        return secret

    def end(self) -> None:
        """Stop everything that still runs; what was made stays."""
        for device in (self.laptop, self.phone):
            device.run("agent", "stop", show=False)
        self.relay.stop()

    def where(self) -> None:
        """Say where everything lies."""
        telling = self.telling
        telling.say(f"{telling.checks} facts were checked in {telling.seconds:.0f} s.")
        telling.say("Everything is still there:")
        for what, path in (
            ("the laptop's home", self.laptop.home),
            ("the phone's home", self.phone.home),
            ("the relay's database", self.relay.database),
            ("the bills", self.bills),
        ):
            telling.say(f"  {what:22}{path}")
        telling.say("Look around, with the passphrases of the two devices:")
        telling.say(f"  clisk --home {self.laptop.home} unlock")
        telling.say(f"    {self.laptop_passphrase}")
        telling.say(f"    {self.phone_passphrase}")


def tell(folder: Path = OUT) -> int:
    """Tell the whole story in *folder*, made anew; return the exit code."""
    telling = Telling()
    story = Story(folder, telling)
    # What an interrupted run left behind may still have an agent.
    story.end()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    steps = (story.create, story.pair, story.travel, story.collect, story.account)
    try:
        try:
            for step in steps:
                step()
        finally:
            story.end()
    except StoryError as err:
        print(f"\nerror: {err}", file=sys.stderr)
        return 1
    telling.say("")
    story.where()
    return 0

"""Cookies that a konnector may see: those of the domains that its manifest names.

And the few that it keeps from run to run, which go to the source as secrets.
Spec: protocol/konnector-bridge.md §4.6.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from konnector_runner.arguments import Method, object_argument, text_argument
from konnector_runner.bridge import NOTHING, Nothing
from konnector_runner.browser import Cookie
from konnector_runner.credential_desk import CredentialDesk
from konnector_runner.method_error import MethodError
from konnector_runner.strict_json import Json, encode_json, parse_json

_KEPT = "cookie."
_MAX_COOKIE = 16 * 1024
_NOT_DECLARED = "{} cannot be called without cookie_domains declared in manifest"


class CookieDesk:
    """Answers both parties' questions about cookies."""

    def __init__(
        self,
        domains: tuple[str, ...],
        jar: Callable[[], Awaitable[list[Cookie]]],
        desk: CredentialDesk,
    ) -> None:
        self._domains = domains
        self._jar = jar
        self._desk = desk

    def methods(self) -> dict[str, Method]:
        """Return the methods that the pilot and the worker both may call."""
        return {
            "getCookieByDomainAndName": self._by_domain_and_name,
            "getCookieFromKeychainByName": self._from_keychain,
            "getCookiesByDomain": self._by_domain,
        }

    def pilot_methods(self) -> dict[str, Method]:
        """Return what only the pilot may call."""
        return {"saveCookieToKeychain": self._to_keychain}

    async def _by_domain(self, args: list[Json]) -> Json:
        domain = self._declared(args, "getCookiesByDomain")
        # By name, as the Cozy app's cookie manager answers.
        jar = [each for each in await self._jar() if _serves(each, domain)]
        return {each.name: _shown(each) for each in jar}

    async def _by_domain_and_name(self, args: list[Json]) -> Json:
        domain = self._declared(args, "getCookieByDomainAndName")
        name = text_argument(args, 1, "getCookieByDomainAndName")
        for each in await self._jar():
            if each.name == name and _serves(each, domain):
                return _shown(each)
        return None

    async def _to_keychain(self, args: list[Json]) -> Nothing:
        cookie = object_argument(args, 0, "saveCookieToKeychain")
        name = cookie.get("name")
        text = encode_json(cookie)
        if not isinstance(name, str) or not name or len(text) > _MAX_COOKIE:
            raise MethodError("saveCookieToKeychain: not a cookie with a name")
        await self._desk.keep(_KEPT + name, text)
        return NOTHING

    async def _from_keychain(self, args: list[Json]) -> Json:
        name = text_argument(args, 0, "getCookieFromKeychainByName")
        text = await self._desk.kept(_KEPT + name)
        if text is None:
            return None
        return parse_json(text, max_characters=_MAX_COOKIE, what="kept cookie")

    def _declared(self, args: list[Json], method: str) -> str:
        if not self._domains:
            raise MethodError(_NOT_DECLARED.format(method))
        domain = text_argument(args, 0, method)
        if domain not in self._domains:
            raise MethodError(f"Cookie domain {domain} not declared in the manifest")
        return domain


def _serves(cookie: Cookie, domain: str) -> bool:
    """Say whether a page of *domain*, a host or an address, would be sent it."""
    host = domain.rpartition("://")[2].partition("/")[0].partition(":")[0]
    host = host.removeprefix(".")
    if cookie.domain.startswith("."):
        kept_for = cookie.domain.removeprefix(".")
        return host == kept_for or host.endswith("." + kept_for)
    return host == cookie.domain


def _shown(cookie: Cookie) -> Json:
    return {
        "name": cookie.name,
        "value": cookie.value,
        "domain": cookie.domain,
        "path": cookie.path,
        "secure": cookie.secure,
        "httpOnly": cookie.http_only,
        "expires": cookie.expires,
    }

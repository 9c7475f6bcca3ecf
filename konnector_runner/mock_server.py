"""Asks a mock site that is a program: a server on this device, whatever it is made of.

The browser still believes that it talks to the hosts of the site; the server is told
which by the Host header. Spec: docs/test-konnectors.md.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from konnector_runner.errors import FormatError, MockSiteError
from konnector_runner.mock_exchange import MockAnswer, MockRequest
from konnector_runner.origin import parse_origin

_PATIENCE_SECONDS = 60
_MAX_ANSWER = 64 * 1024 * 1024
# Between two ends of one connection: they say nothing about what is inside. The
# length is the browser's to count.
_OF_THE_CONNECTION = frozenset(
    {"connection", "content-length", "keep-alive", "transfer-encoding", "host"}
)


class MockServer:
    """A server on this device that answers for every host of a site."""

    def __init__(self, origin: str) -> None:
        """Raises MockSiteError: *origin* is not http://ADDRESS:PORT of this device."""
        try:
            parts = urlsplit(parse_origin(origin))
            address = ipaddress.ip_address(parts.hostname or "")
            if parts.scheme != "http" or not address.is_loopback:
                raise ValueError
        except (FormatError, ValueError):
            raise MockSiteError(
                "forward: not an address such as http://127.0.0.1:8000"
            ) from None
        self._host, self._port = parts.hostname or "", parts.port or 80

    def answer(self, request: MockRequest) -> MockAnswer:
        """Return what the server answers to *request*.

        Raises:
            MockSiteError: it does not answer, or not in HTTP.
        """
        where = urlsplit(request.url)
        connection = HTTPConnection(self._host, self._port, timeout=_PATIENCE_SECONDS)
        path = (where.path or "/") + (f"?{where.query}" if where.query else "")
        headers = {
            **_passed_on(request.headers),
            "Host": where.netloc,
            "X-Forwarded-Proto": where.scheme,
            # What we pass on is as it was written.
            "accept-encoding": "identity",
        }
        try:
            connection.request(
                request.method, path, body=request.body or None, headers=headers
            )
            answer = connection.getresponse()
            body = answer.read(_MAX_ANSWER + 1)
        except (OSError, HTTPException, ValueError):
            raise MockSiteError(
                "forward: the server of the mock site does not answer",
                advice="start it before the konnectors are run",
            ) from None
        finally:
            connection.close()
        if len(body) > _MAX_ANSWER:
            raise MockSiteError("forward: an answer is too large")
        kept = tuple(
            (name, value)
            for name, value in answer.getheaders()
            if name.lower() not in _OF_THE_CONNECTION
        )
        return MockAnswer(answer.status, kept, body)


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in _OF_THE_CONNECTION and value
    }

"""What is done on the relay now, or not at all: changes of who belongs to a vault.

A change of an item waits on this device until a relay is there. A revocation does not,
and nobody must think so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clisk.errors import CliskError
from clisk_sync.errors import TransportError


class NotConfirmedError(CliskError):
    """The relay did not say that it has a change of the members."""

    default_advice = (
        "this does not wait: once the relay is there look at clisk devices,"
        " and do it again unless it shows there"
    )


@contextmanager
def at_once() -> Iterator[None]:
    """Say of a relay that gives no answer what that means here.

    Raises:
        NotConfirmedError: where the work raises a TransportError.
    """
    try:
        yield
    except TransportError as err:
        raise NotConfirmedError(str(err)) from err

"""Wrong passphrases: each one after the third waits longer."""

from __future__ import annotations

import pytest

from clisk.agent.patience import FREE_TRIES, Patience, TooManyTriesError
from clisk_vault.errors import PassphraseError
from tests.program.test_agent_vault import Clock


def _wrong(patience: Patience) -> None:
    with pytest.raises(PassphraseError), patience.one_try():
        raise PassphraseError


def test_guesses_over_the_socket_get_slower() -> None:
    """Attack: a program that only has the socket tries passphrases one by one."""
    clock = Clock()
    patience = Patience(clock)
    for _ in range(FREE_TRIES):
        _wrong(patience)
    waits = []
    for _ in range(12):
        tried = []
        with pytest.raises(TooManyTriesError), patience.one_try():
            tried.append(1)
        assert tried == []
        before = clock.now
        while True:
            clock.now += 1
            try:
                with patience.one_try():
                    raise PassphraseError
            except TooManyTriesError:
                continue
            except PassphraseError:
                break
        waits.append(clock.now - before)

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_a_right_one_begins_anew() -> None:
    """A person who mistyped and then did not is not punished later."""
    patience = Patience(Clock())
    for _ in range(FREE_TRIES - 1):
        _wrong(patience)
    with patience.one_try():
        pass
    for _ in range(FREE_TRIES - 1):
        _wrong(patience)
    with patience.one_try():
        pass


def test_another_fault_is_no_wrong_passphrase() -> None:
    """A full disk does not make anybody wait."""
    patience = Patience(Clock())
    for _ in range(10):
        with pytest.raises(OSError, match="disk"), patience.one_try():
            raise OSError("disk")
    with patience.one_try():
        pass

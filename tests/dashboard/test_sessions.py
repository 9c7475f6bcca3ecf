"""Links and sessions: protocol/dashboard.md §2."""

from __future__ import annotations

import itertools

import pytest

from clisk.dashboard.sessions import LinkError, Sessions, form_token_fits


class World:
    """Sessions with a clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0
        numbers = itertools.count(1)
        self.sessions = Sessions(
            draw=lambda count: next(numbers).to_bytes(count),
            clock=lambda: self.now,
            idle_seconds=900,
        )

    def enter(self) -> str:
        link = self.sessions.new_link()
        return self.sessions.open(link, opened=1, locked=False)


@pytest.fixture
def world() -> World:
    return World()


def test_a_link_opens_a_session(world: World) -> None:
    """The positive control of everything below."""
    session = world.sessions.find(world.enter(), touch=False)

    assert session is not None
    assert not session.locked


def test_a_guessed_link_opens_nothing(world: World) -> None:
    """Only a token that was drawn here counts."""
    with pytest.raises(LinkError, match="opens nothing"):
        world.sessions.open("A" * 43, opened=1, locked=False)


def test_a_link_is_too_old_after_two_minutes(world: World) -> None:
    """The instant at which it ends belongs to the past."""
    link = world.sessions.new_link()
    world.now += 120

    with pytest.raises(LinkError, match="too old"):
        world.sessions.open(link, opened=1, locked=False)


def test_a_stolen_link_used_twice_ends_what_it_opened(world: World) -> None:
    """One of the two was not the person, and nobody can tell which."""
    link = world.sessions.new_link()
    cookie = world.sessions.open(link, opened=1, locked=False)

    with pytest.raises(LinkError, match="opened twice"):
        world.sessions.open(link, opened=1, locked=False)

    assert world.sessions.find(cookie, touch=False) is None


def test_a_stolen_link_used_after_an_unlock_ends_the_session_all_the_same(
    world: World,
) -> None:
    """The session that took the place of the first belongs to the same link."""
    link = world.sessions.new_link()
    cookie = world.sessions.open(link, opened=0, locked=True)
    fresh = world.sessions.unlock(cookie, opened=1)

    with pytest.raises(LinkError, match="opened twice"):
        world.sessions.open(link, opened=1, locked=False)

    assert world.sessions.find(fresh, touch=False) is None


def test_a_session_ends_after_idle_time(world: World) -> None:
    """What a page fetches by itself is no use; what the person does is."""
    cookie = world.enter()
    world.now += 899
    assert world.sessions.find(cookie, touch=True) is not None
    world.now += 899
    assert world.sessions.find(cookie, touch=False) is not None
    world.now += 1

    assert world.sessions.find(cookie, touch=False) is None


def test_a_session_locks_with_the_vault(world: World) -> None:
    """And forgets what it kept, such as a pairing."""
    cookie = world.enter()
    session = world.sessions.find(cookie, touch=False)
    assert session is not None
    session.kept["pairing"] = object()

    world.sessions.heard(opened=1, unlocked=False)

    assert session.locked
    assert not session.kept


def test_a_vault_opened_again_elsewhere_counts_as_locked(world: World) -> None:
    """Between two looks it may have been locked and opened."""
    cookie = world.enter()
    session = world.sessions.find(cookie, touch=False)
    assert session is not None

    world.sessions.heard(opened=1, unlocked=True)
    assert not session.locked
    world.sessions.heard(opened=2, unlocked=True)

    assert session.locked


def test_a_cookie_from_before_the_unlock_is_worth_nothing(world: World) -> None:
    """Whoever copied it while the vault was locked gets nowhere (session fixation)."""
    link = world.sessions.new_link()
    cookie = world.sessions.open(link, opened=0, locked=True)
    before = world.sessions.find(cookie, touch=False)
    assert before is not None

    fresh = world.sessions.unlock(cookie, opened=1)

    after = world.sessions.find(fresh, touch=False)
    assert after is not None
    assert not after.locked
    assert world.sessions.find(cookie, touch=False) is None
    assert not form_token_fits(after, before.form_token)


def test_tokens_are_kept_as_hashes_only(world: World) -> None:
    """Nothing in memory says what link or cookie would be let in."""
    link = world.sessions.new_link()
    cookie = world.sessions.open(link, opened=1, locked=False)

    kept = repr(vars(world.sessions))

    assert link not in kept
    assert cookie not in kept

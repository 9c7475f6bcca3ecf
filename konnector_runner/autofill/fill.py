"""Fill the login of a page: look, decide, check again, release, write.

The order matters. Whether the page is the item's and which field asks for what is
settled before anything is released; a value is released, and that recorded, for the
origin of the frame that gets it; and it is written only while that document, that
element and that focus are still there. Spec: protocol/autofill.md §5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from clisk_vault.keys import SecretText
from konnector_runner.autofill.classify import classify
from konnector_runner.autofill.devtools import DevTools
from konnector_runner.autofill.equivalents import EquivalentDomains
from konnector_runner.autofill.gate import form_refusal, frame_refusal
from konnector_runner.autofill.hands import Hands, Stopped
from konnector_runner.autofill.look import SeenFrame, look
from konnector_runner.autofill.matching import Site
from konnector_runner.autofill.plan import (
    Fill,
    FillPlan,
    PageKind,
    Refusal,
    Role,
    nothing,
)
from konnector_runner.credentials import ValueSource

_LOOKS = 3


@dataclass(frozen=True, slots=True)
class FillRequest:
    """Which item is to be filled, and what the person allows."""

    sites: Sequence[Site]
    # The name that the credential source has for each role; a role that is not
    # here is left for the person.
    fields: Mapping[Role, str]
    purpose: str = "fill"
    equivalents: EquivalentDomains | None = None
    # Fill forms that are sent to another site: for saved pages, and at one's risk.
    sent_elsewhere: bool = False
    # Send the form once all that it asks for is filled.
    submit: bool = False


@dataclass(frozen=True, slots=True)
class FillReport:
    """What was written where; a refusal says why nothing more was."""

    kind: PageKind = PageKind.NOTHING
    origin: str | None = None
    filled: tuple[Role, ...] = ()
    # Roles whose value the page made something else of, as a mask does.
    altered: tuple[Role, ...] = ()
    refusal: Refusal | None = None
    submitted: bool = False


@dataclass(slots=True)
class _Progress:
    """What has been written so far, over several looks."""

    # Filled before, on an earlier step: never touched again.
    already: frozenset[Role]
    done: list[Role] = field(default_factory=list)
    altered: list[Role] = field(default_factory=list)
    submitted: bool = False
    # One read of a value is one record, however often the page made us look again.
    released: dict[Role, tuple[str, SecretText]] = field(default_factory=dict)

    async def release(
        self, role: Role, hands: Hands, request: FillRequest, source: ValueSource
    ) -> SecretText:
        facts = hands.frame.facts
        assert facts is not None  # a plan is made of facts
        origin, secret = self.released.get(role, ("", None))
        if secret is None or origin != facts.origin:
            secret = await source.release(
                request.fields[role], origin=facts.origin, purpose=request.purpose
            )
            self.released[role] = (facts.origin, secret)
        return secret

    def left_alone(self, role: Role) -> bool:
        """Whether *role* has its value; a new password is typed into two fields."""
        again = role in self.done and role is not Role.NEW_PASSWORD
        return role in self.already or again


async def fill(
    tab: DevTools,
    request: FillRequest,
    source: ValueSource,
    *,
    already: frozenset[Role] = frozenset(),
) -> FillReport:
    """Fill what *tab* asks for now; roles in *already* are left as they are.

    Raises:
        konnector_runner.errors.DocumentGone: the page went while it was filled.
        clisk_vault.errors.ReadRefused: the source refused a value.
    """
    progress = _Progress(already)
    stopped: Refusal | None = None
    seen, plan = None, nothing(Refusal.NO_FIELD)
    for _ in range(_LOOKS):
        seen, plan = await _look(tab, request)
        stopped = None
        if seen is None:
            break
        try:
            await _carry_out(Hands(tab, seen), plan, request, source, progress)
        except Stopped as stop:
            stopped = stop.refusal
            if stopped is Refusal.PAGE_CHANGED:
                continue
        break
    return _report(seen, plan, progress, stopped)


async def _look(
    tab: DevTools, request: FillRequest
) -> tuple[SeenFrame | None, FillPlan]:
    """Look, and once more into closed shadow trees where nothing else can be filled."""
    seen, plan = decide(await look(tab, closed_roots=False), request)
    if seen is not None:
        return seen, plan
    return decide(await look(tab), request)


def decide(
    frames: Sequence[SeenFrame], request: FillRequest
) -> tuple[SeenFrame | None, FillPlan]:
    """Return the frame to fill and its plan, or None and the plan that refuses."""
    plans = [(frame, _plan(frame, request)) for frame in frames]
    fitting = [(frame, plan) for frame, plan in plans if plan.fills]
    if fitting:
        return max(fitting, key=lambda pair: pair[1].score)
    for _, plan in plans:
        if plan.refusal is not Refusal.NO_FIELD:
            return None, plan
    return None, nothing(_kept_apart(frames))


def _kept_apart(frames: Sequence[SeenFrame]) -> Refusal:
    """Name the frames that could hold what was not found, if there are any."""
    seen = [frame.facts for frame in frames if frame.facts is not None]
    if any(facts.sandboxed_frames for facts in seen):
        return Refusal.SANDBOXED
    if any(facts.strange_frames for facts in seen):
        return Refusal.CROSS_ORIGIN_FRAME
    return Refusal.NO_FIELD


def _plan(frame: SeenFrame, request: FillRequest) -> FillPlan:
    facts = frame.facts
    if facts is None:
        return nothing(Refusal.UNREADABLE)
    plan = classify(facts)
    refusal = frame_refusal(facts, request.sites, equivalents=request.equivalents)
    if refusal is not None:
        # An empty frame of a stranger's is no news; one with a login is.
        return nothing(refusal if plan.fills or not facts.above else Refusal.NO_FIELD)
    if plan.fills and not request.sent_elsewhere:
        refusal = form_refusal(facts, plan.fills, request.sites)
    return plan if refusal is None else nothing(refusal)


async def _carry_out(
    hands: Hands,
    plan: FillPlan,
    request: FillRequest,
    source: ValueSource,
    progress: _Progress,
) -> None:
    for step in plan.fills:
        if step.role not in request.fields or progress.left_alone(step.role):
            continue
        if not step.keypad:
            await hands.prepare(step.elements[0])
        secret = await progress.release(step.role, hands, request, source)
        if await _write(hands, step, secret, request):
            progress.altered.append(step.role)
        progress.done.append(step.role)
    await _submit(hands, plan, request, progress)


async def _submit(
    hands: Hands, plan: FillPlan, request: FillRequest, progress: _Progress
) -> None:
    """Send the form, unless something is left in it for the person."""
    whole = plan.fills and plan.roles <= progress.already.union(progress.done)
    if not request.submit or not whole or plan.kind is PageKind.CHANGE_PASSWORD:
        return
    await hands.submit(plan.fills[-1].elements[-1])
    progress.submitted = True


async def _write(
    hands: Hands, step: Fill, secret: SecretText, request: FillRequest
) -> bool:
    text = secret.expose()
    if step.keypad:
        if not set(text) <= {label for label, _ in step.keypad}:
            raise Stopped(Refusal.NO_KEY)
        await _press(hands, step, text, request)
        return False
    kind = "password" if step.role in _PASSWORDS else "text"
    if len(step.elements) == 1:
        return await hands.type(step.elements[0], kind, text)
    if len(step.elements) != len(text):
        raise Stopped(Refusal.WRONG_LENGTH)
    for element, character in zip(step.elements, text, strict=True):
        await hands.prepare(element)
        await hands.type(element, kind, character)
    return False


async def _press(hands: Hands, step: Fill, text: str, request: FillRequest) -> None:
    for place, character in enumerate(text):
        try:
            await hands.press(step.keypad, character)
        except Stopped as stop:
            if stop.refusal is not Refusal.PAGE_CHANGED or place == 0:
                raise
            # Drawn anew after a press, as keypads that shuffle are.
            hands, step = await _keypad_again(hands, request)
            await _press_again(hands, step, character)


async def _press_again(hands: Hands, step: Fill, character: str) -> None:
    try:
        await hands.press(step.keypad, character)
    except Stopped:
        # Not PAGE_CHANGED: beginning anew would press the first keys twice.
        raise Stopped(Refusal.NO_KEY) from None


async def _keypad_again(hands: Hands, request: FillRequest) -> tuple[Hands, Fill]:
    seen, plan = await _look(hands.tab, request)
    found = [step for step in plan.fills if step.keypad]
    if seen is None or not found:
        raise Stopped(Refusal.NO_KEY)
    return Hands(hands.tab, seen), found[0]


_PASSWORDS = frozenset({Role.CURRENT_PASSWORD, Role.NEW_PASSWORD})


def _report(
    seen: SeenFrame | None,
    plan: FillPlan,
    progress: _Progress,
    stopped: Refusal | None,
) -> FillReport:
    filled = tuple(dict.fromkeys(progress.done))
    refusal = stopped or plan.refusal
    if refusal is None and not filled:
        refusal = Refusal.NOT_GIVEN
    facts = None if seen is None else seen.facts
    return FillReport(
        plan.kind,
        None if facts is None else facts.origin,
        filled,
        tuple(dict.fromkeys(progress.altered)),
        refusal,
        progress.submitted,
    )

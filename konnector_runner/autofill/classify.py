"""Which field gets which role: facts in, a plan out. No browser, no secret.

Order of evidence: `autocomplete`, then words, then structure; when unsure the
stored password is not written. Spec: protocol/autofill.md §3.
"""

from __future__ import annotations

from collections.abc import Sequence

from konnector_runner.autofill import words
from konnector_runner.autofill.codes import code_for
from konnector_runner.autofill.evidence import (
    all_words,
    is_code,
    is_faint,
    is_password,
    names,
    said,
    token,
    unseen,
)
from konnector_runner.autofill.facts import FieldFacts, FrameFacts
from konnector_runner.autofill.forms import (
    Form,
    forms_of,
    is_about_change,
    is_for_something_else,
    is_silent,
    login_strength,
    sign_up_score,
)
from konnector_runner.autofill.keypads import keypad_for
from konnector_runner.autofill.plan import (
    Fill,
    FillPlan,
    PageKind,
    Refusal,
    Role,
    nothing,
)
from konnector_runner.autofill.user_names import (
    is_no_name,
    says_mail,
    says_user,
    username_for,
)

_MOST_PASSWORDS = 5
_SURELY_LOGIN = -2


def classify(frame: FrameFacts) -> FillPlan:
    """Return what to fill in *frame*, or the one reason why nothing is filled."""
    usable = [field for field in frame.fields if unseen(field, frame) is None]
    forms = forms_of(frame, usable)
    plans = [plan for form in forms for plan in (_plan(form, frame),)]
    best = max(
        (plan for plan in plans if plan.fills),
        key=lambda plan: plan.score,
        default=None,
    )
    if best is not None:
        return best
    return nothing(_why_nothing(frame, plans))


def _why_nothing(frame: FrameFacts, plans: Sequence[FillPlan]) -> Refusal:
    told = [plan.refusal for plan in plans if plan.refusal is not None]
    for refusal in told:
        if refusal is not Refusal.NO_FIELD:
            return refusal
    for field in frame.fields:
        reason = unseen(field, frame)
        if reason is not None and (is_password(field) or is_code(field)):
            return reason
    return Refusal.NO_FIELD


def _plan(form: Form, frame: FrameFacts) -> FillPlan:
    code = code_for(form)
    passwords = form.passwords
    if len(passwords) > _MOST_PASSWORDS:
        return nothing(Refusal.TOO_MANY)
    if passwords:
        plan = _with_passwords(form, passwords, frame)
    elif code is None:
        plan = _identifier_first(form, frame)
    else:
        plan = nothing(Refusal.NO_FIELD)
    if code is None or _leaves_code(form, plan):
        return plan
    kind = plan.kind if plan.fills else PageKind.ONE_TIME_CODE
    return FillPlan(kind, (*plan.fills, code), score=max(plan.score, 4))


def _leaves_code(form: Form, plan: FillPlan) -> bool:
    """Say whether a code is not asked for now, or not of someone with an account.

    Beside a name and a password, a code that is not marked is most often a picture
    to read, or the field of the step after.
    """
    if plan.refusal is Refusal.SIGN_UP or sign_up_score(form) >= 3:
        return True
    whole = {Role.USERNAME, Role.CURRENT_PASSWORD} <= plan.roles
    return whole and not any(token(f) == "one-time-code" for f in form.fields)


# --- passwords ---


def _with_passwords(
    form: Form, passwords: Sequence[FieldFacts], frame: FrameFacts
) -> FillPlan:
    current = [f for f in passwords if _is_current(f, passwords)]
    new = [f for f in passwords if f not in current and _is_new(f, passwords)]
    rest = [f for f in passwords if f not in current and f not in new]
    score = sign_up_score(form)
    if len(passwords) == 1 and score <= _SURELY_LOGIN:
        # Sites say new-password to keep fillers away from their login.
        return _login(form, passwords[0], frame, score)
    if current and (new or len(passwords) > 1):
        return _change(form, current[0], [*new, *rest])
    if not current and len(rest) == 1 and new and _same_as_new(new, rest):
        new, rest = [*new, *rest], []
    if not current and len(passwords) == 3 and _three(form, passwords, score):
        return _change(form, passwords[0], passwords[1:])
    if not current and not rest:
        return nothing(Refusal.SIGN_UP if form.texts else Refusal.NEW_PASSWORD)
    if len(rest) == 2 and not new and _two(form, score):
        return _change(form, rest[0], rest[1:], strict=False)
    if not current and len(rest) == 1 and len(new) == 1 and _may_change(form, score):
        return _change(form, rest[0], new)
    if score > 0 or (len(rest) > 1 and score > _SURELY_LOGIN):
        return nothing(Refusal.SIGN_UP)
    return _login(form, (current or rest)[0], frame, score)


def _mark(field: FieldFacts, among: Sequence[FieldFacts]) -> str:
    """Return the token of *field* unless it is no help: two can not be current."""
    mark = token(field)
    same = sum(token(other) == mark for other in among)
    return "" if mark == "current-password" and same > 1 else mark


def _is_current(field: FieldFacts, among: Sequence[FieldFacts]) -> bool:
    if mark := _mark(field, among):
        return mark == "current-password"
    # What the developer called it first: a hint beside it may speak of another.
    for text in (names(field), said(field)):
        new = words.NEW.search(text) or words.CONFIRM.search(text)
        if words.CURRENT.search(text):
            return not new
        if new:
            return False
    return False


def _is_new(field: FieldFacts, among: Sequence[FieldFacts]) -> bool:
    if mark := _mark(field, among):
        return mark == "new-password"
    text = all_words(field)
    # Asked for alone, a password to confirm is the one that there is.
    again = len(among) > 1 and words.CONFIRM.search(text)
    return bool(words.NEW.search(text) or again)


def _same_as_new(new: Sequence[FieldFacts], rest: Sequence[FieldFacts]) -> bool:
    """An unmarked password with only its confirmation beside it is new too."""
    return all(
        words.CONFIRM.search(all_words(field)) and not words.NEW.search(said(field))
        for field in new
    ) or all(field.element < rest[0].element for field in new)


def _three(form: Form, passwords: Sequence[FieldFacts], score: float) -> bool:
    """Three without marks: the old one, the new one, and the new one again."""
    if _is_new(passwords[0], passwords) and not is_about_change(form):
        return False
    return is_about_change(form) or (score <= 4 and not form.texts)


def _two(form: Form, score: float) -> bool:
    """Two without marks are most often one and its repetition: it takes a reason."""
    if score > 0:
        return False
    return is_about_change(form) or score <= _SURELY_LOGIN or is_silent(form)


def _may_change(form: Form, score: float) -> bool:
    return is_about_change(form) or (score <= 0 and not form.texts)


def _change(
    form: Form,
    current: FieldFacts,
    others: Sequence[FieldFacts],
    *,
    strict: bool = True,
) -> FillPlan:
    fills = [Fill(Role.CURRENT_PASSWORD, (current.element,))]
    name = username_for(form, current, strict=strict)
    if name is not None:
        fills.insert(0, Fill(Role.USERNAME, (name.element,)))
    new = tuple(field.element for field in others)
    fills += [Fill(Role.NEW_PASSWORD, (element,)) for element in new]
    return FillPlan(PageKind.CHANGE_PASSWORD, tuple(fills), score=5)


def _login(
    form: Form, password: FieldFacts, frame: FrameFacts, score: float
) -> FillPlan:
    fills = []
    name = username_for(form, password, strict=False)
    if name is not None:
        fills.append(Fill(Role.USERNAME, (name.element,)))
    keys = keypad_for(password, frame) if password.read_only else ()
    fills.append(Fill(Role.CURRENT_PASSWORD, (password.element,), keys))
    sure = 10 - score + 2 * (name is not None) - 5 * is_faint(password)
    return FillPlan(PageKind.LOGIN, tuple(fills), score=sure)


# --- a name alone ---


def _identifier_first(form: Form, frame: FrameFacts) -> FillPlan:
    texts = [f for f in form.texts if not is_no_name(f)]
    marked = [f for f in texts if token(f) == "username"]
    others = [f for f in form.fields if f not in texts]
    if len(texts) != 1 and len(marked) != 1:
        return nothing(Refusal.NO_FIELD)
    field = marked[0] if len(marked) == 1 else texts[0]
    if field.read_only or len(texts) > 2 or any(f.tag != "select" for f in others):
        return nothing(Refusal.NO_FIELD)
    for hidden in form.hidden:
        if is_password(hidden) and _is_trap(hidden):
            return nothing(unseen(hidden, frame) or Refusal.UNSEEN)
    if sign_up_score(form) >= 2 and login_strength(form) < 2:
        return nothing(Refusal.SIGN_UP)
    if not _asks_who_you_are(form, field):
        return nothing(Refusal.NOT_A_LOGIN)
    fills = (Fill(Role.USERNAME, (field.element,)),)
    return FillPlan(PageKind.IDENTIFIER_FIRST, fills, score=3 + login_strength(form))


def _is_trap(field: FieldFacts) -> bool:
    """Say whether an unseen field waits for a filler, as no later step's does.

    A step to come is not drawn at all, or at least can not be reached by keys.
    """
    reachable = not (field.skipped_by_tab or field.hidden_from_readers)
    return field.shown and reachable and not (field.disabled or field.read_only)


def _asks_who_you_are(form: Form, field: FieldFacts) -> bool:
    """Only on a strong sign: a lone e-mail field is most often something else."""
    strength = login_strength(form)
    if is_for_something_else(form) and strength < 2:
        return False
    if token(field) == "username":
        return True
    if not (says_user(field) or says_mail(field)):
        return False
    if words.USER_NAME.search(all_words(field)) or strength >= 1:
        return True
    # The password of the next step is there already, and not shown yet.
    after = [f for f in form.hidden if f.element == field.element + 1]
    return any(is_password(f) and token(f) != "new-password" for f in after)

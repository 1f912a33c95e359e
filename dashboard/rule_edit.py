"""Section of Rules for administrators: other numbers, what they would have done, and saving them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st

from dashboard import rule_preview, rules_text
from dashboard.access import Person, Role
from dashboard.acting import attempt
from dashboard.guard import store, wall_ms
from dashboard.locale import Locale
from dashboard.markup import Html, el, join, plain
from dashboard.ranges import DAY
from dashboard.rule_preview import DAYS, LIMIT_S, Preview, Rang, TooLongError
from dashboard.rules_text import WHOLE, Draft, Place
from dashboard.visit import Visit
from dashboard.words.rules import RulesWords
from undertone import audit
from undertone.errors import BusyError, InputError
from undertone.lifecycle import WHY_CHARACTERS
from undertone.messages import to_ms

ROLE: Final = Role.ADMIN
SHOWN: Final = 20
NAME_LIMIT: Final = 80
_DRAFT: Final = "rule-draft"
_PREVIEW: Final = "rule-preview"
_TROUBLE: Final = "rule-trouble"


def draw(visit: Visit) -> None:
    """The form; under it, once it was tried, what it would have done and the button that saves it."""
    path, say = visit.settings.rules, RulesWords(visit.locale.language)
    if path is None or not visit.may(ROLE):
        return
    st.html(join(el("h2", say.edit), el("p", say.edit_note, class_="ut-facts"), _locked(path, say)))
    known = rules_text.numbers(rules_text.read(path))
    rule = st.selectbox(say.which, [*dict.fromkeys(one.rule for one in known)], key="edit-rule", width=300)
    mine = {place: value for place, value in known.items() if place.rule == rule}
    with st.form("rule-form"):
        with st.container(horizontal=True, gap="medium"):
            typed = {place: _input(place, value, say) for place, value in mine.items()}
        days = st.segmented_control(
            say.over, DAYS, default=DAYS[0], key="edit-days", required=True,
            format_func=lambda n: visit.locale.span(n * DAY),
        )  # fmt: skip
        if st.form_submit_button(say.preview, key="rule-preview-do"):
            _try(visit, mine, typed, days or DAYS[0])
    _outcome(visit)


def _locked(path: Path, say: RulesWords) -> Html | None:
    """Said before anybody does any work: that it cannot be saved from here, why, and what to do."""
    why = rules_text.locked(path)
    if not why:
        return None
    reason = say.locked_folder if why == "folder" else say.locked_mounted
    text = say.locked.format(file=plain(path.name, NAME_LIMIT), reason=reason)
    return el("p", "■ ", text, class_="ut-notice ut-refused", role="status")


def _input(place: Place, value: float, say: RulesWords) -> str:
    what: str = getattr(say, place.name)
    label = {"warning": say.for_warning, "critical": say.for_critical}.get(place.severity, "{what}").format(what=what)
    return st.text_input(label, value=rules_text.written(place, value), max_chars=20, width=190, key=f"edit-{place}")


def _try(visit: Visit, known: dict[Place, float], typed: dict[Place, str], days: int) -> None:
    """Make the draft and replay it; what goes wrong is kept for :func:`_outcome`."""
    say, path = RulesWords(visit.locale.language), visit.settings.rules
    assert path is not None, "draw looked"
    for name in (_DRAFT, _PREVIEW, _TROUBLE):
        st.session_state.pop(name, None)
    try:
        made = rules_text.draft(path, {place: _number(place, typed[place], say) for place in known})
    except InputError as error:
        st.session_state[_TROUBLE] = str(error)
        return
    st.session_state[_DRAFT] = made
    try:
        with st.spinner(say.running.format(span=visit.locale.span(days * DAY))):
            st.session_state[_PREVIEW] = rule_preview.run(visit.settings, made, max(0, visit.now_ms()), days)
    except BusyError:
        st.session_state[_TROUBLE] = say.busy
    except TooLongError as error:
        st.session_state[_TROUBLE] = say.too_long.format(n=LIMIT_S, command=error.command)
    except InputError as error:
        st.session_state[_TROUBLE] = say.failed.format(reason=error)


def _number(place: Place, typed: str, say: RulesWords) -> float:
    try:
        return int(typed) if place.name in WHOLE else float(typed)
    except ValueError:
        raise InputError(say.no_number.format(what=place, given=repr(typed[:20]))) from None


def _outcome(visit: Visit) -> None:
    say = RulesWords(visit.locale.language)
    made, shown, trouble = (st.session_state.get(name) for name in (_DRAFT, _PREVIEW, _TROUBLE))
    if isinstance(trouble, str):
        st.html(el("p", "■ ", plain(trouble, 1_500), class_="ut-notice ut-refused", role="status"))
    if not isinstance(made, Draft):
        return
    if isinstance(shown, Preview):
        st.html(_told(shown, made, visit.locale))
    path = visit.settings.rules
    if path is not None and rules_text.locked(path):
        with st.container(horizontal=True, gap="small"):
            st.download_button(
                say.take, made.text, path.name, "application/yaml", key="rule-take", type="primary", on_click="ignore"
            )
            st.button(say.discard, on_click=_discard, key="rule-discard")
        return
    st.text_input(say.why, max_chars=WHY_CHARACTERS, key="rule-why")
    with st.container(horizontal=True, gap="small"):
        st.button(say.save, on_click=partial(_save, visit, made), key="rule-save", type="primary")
        st.button(say.discard, on_click=_discard, key="rule-discard")


def _told(shown: Preview, made: Draft, locale: Locale) -> Html:
    say = RulesWords(locale.language)
    heading = el("h3", say.result, el("small", _changes(made)), class_="ut-heading")
    if shown.empty:
        return join(heading, el("p", say.no_scored, class_="ut-none"))
    tiles = (
        el("div", el("dt", name), el("dd", say.result_alerts.format(n=len(rang), critical=_critical(rang))))
        for name, rang in ((say.result_now, shown.now), (say.result_then, shown.then))
    )
    lists = (
        el("section", el("h4", name), _list(rang, locale, say))
        for name, rang in ((say.only_now, shown.only_now), (say.only_then, shown.only_then))
    )
    return join(heading, el("dl", *tiles, class_="ut-tiles ut-strip"), el("div", *lists, class_="ut-tables"))


def _list(rang: Sequence[Rang], locale: Locale, say: RulesWords) -> Html:
    if not rang:
        return el("p", say.nothing_else, class_="ut-facts")
    rows = [el("li", _line(one, locale)) for one in rang[:SHOWN]]
    more = el("p", say.more.format(n=len(rang) - SHOWN), class_="ut-facts") if len(rang) > SHOWN else None
    return join(el("ul", *rows, class_="ut-plain"), more)


def _line(one: Rang, locale: Locale) -> str:
    names = (one.entity, locale.topic(one.topic or ""))
    about = " · ".join(plain(name, NAME_LIMIT) for name in names if name) or locale.units.all
    mark = "▲" if one.severity == "critical" else "●"
    return f"{mark} {about} · {locale.moment(to_ms(one.fired_at))} · {one.stories} {locale.units.stories}"


def _critical(rang: Sequence[Rang]) -> int:
    return sum(one.severity == "critical" for one in rang)


def _changes(made: Draft) -> str:
    return ", ".join(f"{place} {old:g} → {new:g}" for place, (old, new) in made.changes.items())


def _save(visit: Visit, made: Draft) -> None:
    why, path = str(st.session_state.get("rule-why") or ""), visit.settings.rules
    say = RulesWords(visit.locale.language)

    def do(person: Person) -> str:
        assert path is not None, "draw looked"
        rules_text.save(path, made)
        audit.append(
            store(visit.url).redis,
            audit.record(
                person.name,
                "rules-changed",
                at_ms=wall_ms(),
                before={str(place): old for place, (old, _) in made.changes.items()},
                after={str(place): new for place, (_, new) in made.changes.items()},
                why=why,
            ),
        )
        return say.saved.format(what=_changes(made))

    if attempt(visit, ROLE, do):
        _discard()


def _discard() -> None:
    for name in (_DRAFT, _PREVIEW, _TROUBLE):
        st.session_state.pop(name, None)

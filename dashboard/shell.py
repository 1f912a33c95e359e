"""The frame around every page: name, freshness, who reads and how. Drawn by the app before the page itself."""

from __future__ import annotations

from typing import Final, cast

import streamlit as st

from dashboard import address, brand, guard, live, reads, windows
from dashboard.access import Person
from dashboard.kept import KEEPER, kept
from dashboard.locale import UTC_NAME, Locale, zone
from dashboard.markup import Html, el
from dashboard.ranges import HOUR
from dashboard.visit import Visit
from dashboard.words import LANGUAGES, Language
from dashboard.words.shell import Shell

QUIET_AFTER_MS: Final = 60_000
GAPS: Final = 8
"""Nothing new is unusual after so many usual gaps: of those between messages at random 1 in 3,000 is longer."""
USUAL_MS: Final = 6 * HOUR * 1000
"""Over how long the usual gap is taken."""
STEP_MS: Final = HOUR * 1000
USUAL_S: Final = 60
ZONES: Final = (
    UTC_NAME, "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Singapore", "Asia/Tokyo", "Asia/Kolkata", "Australia/Sydney",
    "Europe/London", "Europe/Paris", "Europe/Berlin", "Europe/Zurich", "America/New_York", "America/Chicago",
    "America/Los_Angeles", "America/Sao_Paulo",
)  # fmt: skip


def locale() -> Locale:
    """How the reader reads: as the URL says, else as their browser does."""
    own = _own()
    language, name = address.value("lang", LANGUAGES), address.value("zone")
    return Locale(cast("Language", language or own.language), name if name and zone(name) else own.zone_name)


def _own() -> Locale:
    """How the reader's browser says that they read."""
    language: Language = "zh" if (st.context.locale or "").lower().startswith("zh") else "en"
    name = st.context.timezone or UTC_NAME
    return Locale(language, name if zone(name) else UTC_NAME)


def reading(current: Locale, person: Person) -> None:
    """The choice of language and zone, and who is signed in, in one quiet menu."""
    say = Shell(current.language)
    own = _own()
    zones = [*dict.fromkeys([current.zone_name, own.zone_name, *ZONES])]
    address.seed("reading", {"lang": current.language, "zone": current.zone_name})
    label = f"{LANGUAGES[current.language]} · {current.offset(guard.wall_ms())}"
    with st.popover(label, help=say.reading, key="reading", icon=":material/language:"):
        language = st.segmented_control(
            say.tongue, [*LANGUAGES], key="lang", required=True, format_func=LANGUAGES.__getitem__
        )
        chosen = st.selectbox(
            say.zone, zones, key="zone",
            format_func=lambda name: say.zone_browser.format(zone=name) if name == own.zone_name else name,
        )  # fmt: skip
        if person.signed_in:
            st.text(say.signed_in.format(name=person.name, role=getattr(say, person.role.word)))
            st.button(say.sign_out, on_click=st.logout, key="sign-out")
    language, chosen = language or current.language, chosen or current.zone_name
    # Only what is not the browser's own: an address that says no more can be read by others in their way.
    query = {"lang": "" if language == own.language else language, "zone": "" if chosen == own.zone_name else chosen}
    address.settle("reading", {"lang": language, "zone": chosen}, query)
    if (language, chosen) != (current.language, current.zone_name):
        st.rerun()


@live.part()
def strip(visit: Visit) -> live.Shown:
    """How fresh the page is."""
    return [brand.masthead(Shell(visit.locale.language), _pulse(visit))]


def _pulse(visit: Visit) -> Html:
    """Freshness by shape and word, never by colour alone."""
    say, locale_ = Shell(visit.locale.language), visit.locale
    health, now_ms = reads.health(visit.url, visit.streams), visit.now_ms()
    gone_ms = KEEPER.gone_ms(visit.url)
    if gone_ms is not None:
        kind, mark, state = "stopped", "◌", say.away.format(gone=locale_.age(gone_ms))
    elif now_ms < 0:
        kind, mark, state = "quiet", "○", say.waiting
    elif not health.workers:
        kind, mark, state = "stopped", "■", say.no_worker
    elif health.age_ms > _quiet_after_ms(visit, now_ms):
        kind, mark, state = "quiet", "◌", say.quiet.format(age=locale_.about(health.age_ms))
    else:
        kind, mark, state = "live", "●", say.live
    notes = []
    if now_ms >= 0:
        notes.append(say.event_time.format(when=locale_.moment(now_ms, year=True)))
    if now_ms >= 0 and kind == "live":
        notes.append(say.data_age.format(age=locale_.about(health.age_ms)))
    if gone_ms is not None:
        notes.append(say.away_last.format(gone=locale_.age(gone_ms), age=locale_.age(health.age_ms)))
    strong = el("strong", el("span", mark, aria_hidden="true", class_="ut-dot"), f" {state}")
    return el("p", strong, el("span", " · ".join(notes)), class_=f"ut-pulse ut-{kind}", role="status")


def _quiet_after_ms(visit: Visit, now_ms: int) -> float:
    """How old the newest data may be before the page says so: a slow feed is not a silent one."""
    return max(QUIET_AFTER_MS, GAPS * USUAL_MS / (1 + _lately(visit.url, visit.streams, now_ms // STEP_MS * STEP_MS)))


@kept(USUAL_S, most=8)
def _lately(url: str, streams: tuple[str, ...], end_ms: int) -> int:
    """How many messages were published in the hours before a full hour."""
    known = reads.topics(url)
    return windows.sum_of(url, windows.Asked(streams), known, end_ms - USUAL_MS, end_ms, end_ms).total_messages

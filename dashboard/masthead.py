"""Section: the name of the page and, in one line, how fresh it is."""

from __future__ import annotations

import streamlit as st

from dashboard import brand, figures
from dashboard.data import Health
from dashboard.markup import Html, el
from dashboard.words import EN as W

QUIET_AFTER_MS = 60_000


def draw(health: Health, now_ms: int) -> None:
    """``now_ms`` is event time, -1 before any message."""
    st.html(brand.masthead(_pulse(health, now_ms)))


def _pulse(health: Health, now_ms: int) -> Html:
    """Freshness by shape and word, never by colour alone."""
    if now_ms < 0:
        kind, mark, state = "quiet", "○", W.waiting
    elif not health.workers:
        kind, mark, state = "stopped", "■", W.no_worker
    elif health.age_ms > QUIET_AFTER_MS:
        kind, mark, state = "quiet", "◌", W.quiet.format(age=figures.age(health.age_ms))
    else:
        kind, mark, state = "live", "●", W.live
    notes = []
    if now_ms >= 0:
        notes.append(W.event_time.format(when=figures.moment(now_ms, year=True)))
    if now_ms >= 0 and kind != "quiet":
        notes.append(W.data_age.format(age=figures.age(health.age_ms)))
    strong = el("strong", el("span", mark, aria_hidden="true", class_="ut-dot"), f" {state}")
    return el("p", strong, el("span", " · ".join(notes)), class_=f"ut-pulse ut-{kind}", role="status")

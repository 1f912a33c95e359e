"""The page Rules: what rings and how often it did, changing a threshold, and what the receivers were sent today."""

from __future__ import annotations

from collections import Counter
from typing import Final

import streamlit as st

from dashboard import acting, budget, guard, live, reads, rule_edit, rule_table
from dashboard.acting import role_name
from dashboard.live import Shown
from dashboard.markup import Html, el, join
from dashboard.ranges import DAY
from dashboard.visit import Visit
from dashboard.words.rules import RulesWords
from undertone.errors import InputError
from undertone.messages import to_ms
from undertone.rules import Rules

EVERY: Final = 3
DAY_MS: Final = DAY * 1000


def draw(visit: Visit) -> None:
    say, path = RulesWords(visit.locale.language), visit.settings.rules
    acting.notice()
    try:
        rules = Rules.shipped() if path is None else Rules.load(path)
    except InputError as error:
        lines = (el("p", line, class_="ut-mono") for line in str(error).splitlines())
        st.html(join(el("h2", say.title), el("p", say.unusable), *lines))
        return
    st.html(_heading(visit, say))
    _table(visit, rules)
    if path is None:
        st.html(el("p", say.no_file, class_="ut-facts"))
    elif visit.may(rule_edit.ROLE):
        with guard.calm(visit.locale):
            rule_edit.draw(visit)
    else:
        may_not = say.look_only.format(role=role_name(rule_edit.ROLE, visit.locale))
        st.html(el("p", may_not, class_="ut-facts"))
    _budget(visit, rules)


def _heading(visit: Visit, say: RulesWords) -> Html:
    path = visit.settings.rules
    note = say.shipped if path is None else say.from_file.format(file=path.name)
    return el("h2", say.title, el("small", note), class_="ut-heading")


@live.part(EVERY)
def _table(visit: Visit, rules: Rules) -> Shown:
    now_ms = visit.now_ms()
    lately = [one for one in reads.alerts(visit.url) if now_ms - to_ms(one.fired_at) < DAY_MS]
    return [rule_table.table(rules, Counter(one.rule for one in lately), visit.locale)]


@live.part(EVERY)
def _budget(visit: Visit, rules: Rules) -> Shown:
    return [budget.gauges(visit, rules)]

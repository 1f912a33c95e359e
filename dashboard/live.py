"""Live parts: one beat for the whole page asks what moved, and only the parts that moved are drawn again.

What a fragment of Streamlit's does not draw again is gone, and one that runs by itself costs the server 5 ms before it
draws anything. So no part runs by itself. Each is a function that makes what it shows; the beat, an empty fragment,
makes it again, which costs little where nothing was read anew, and has those parts run whose answer is another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any, Concatenate, Final, ParamSpec, cast

import streamlit as st
from redis.exceptions import RedisError
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

from dashboard.markup import Html, el
from dashboard.visit import Visit
from dashboard.words.shell import Shell
from undertone.errors import StoreError

P = ParamSpec("P")

BEAT_S: Final = 2
"""An alert has to be seen within 5 s, of which the browser needs some."""
_PARTS: Final = "live-parts"


@dataclass(frozen=True, slots=True)
class Chart:
    """An ECharts chart as :func:`streamlit.echarts_chart` takes it. What a click does follows from the option."""

    option: dict[str, Any]
    height: int
    key: str
    alt: str
    on_select: Callable[[], None] | None = field(default=None, compare=False)

    def draw(self) -> None:
        if self.on_select is None:
            st.echarts_chart(self.option, height=self.height, key=self.key, alt=self.alt)
        else:
            st.echarts_chart(self.option, height=self.height, key=self.key, alt=self.alt, on_select=self.on_select)


@dataclass(frozen=True, slots=True)
class Offer:
    """Widgets. What they do follows from what is shown beside them, so that any two are the same."""

    draw: Callable[[], None] = field(compare=False)


Shown = Sequence[Html | Chart | Offer]
"""What a part shows, from above."""


@dataclass(slots=True)
class _Part:
    look: Callable[[], Shown]
    every: int
    shown: Shown
    beats: int = 0

    def moved(self) -> bool:
        """Whether its beat has come, and it would show something else."""
        self.beats += 1
        return self.beats % self.every == 0 and [*self.look()] != [*self.shown]


def begin() -> None:
    """At the start of a full run: the parts are those that it draws."""
    st.session_state[_PARTS] = {}


def part(every: int = 1) -> Callable[[Callable[Concatenate[Visit, P], Shown]], Callable[Concatenate[Visit, P], None]]:
    """A live part of a page: it is drawn where it is called, and looked at again with each beat, or each ``every``-th.

    The function must read through :mod:`dashboard.kept` and keep what is dear to make. While the store is away and
    was never read, the part is a quiet line.
    """

    def decorate(make: Callable[Concatenate[Visit, P], Shown]) -> Callable[Concatenate[Visit, P], None]:
        name = f"{make.__module__}.{make.__qualname__}".replace(".", "-")

        @st.fragment(key=name)
        @wraps(make)
        def drawn(visit: Visit, *args: P.args, **kwargs: P.kwargs) -> None:
            look = partial(_look, visit, partial(make, visit, *args, **kwargs))
            shown = look()
            for one in shown:
                if isinstance(one, str):
                    st.html(one)
                else:
                    one.draw()
            # Only now: what was broken off half-way is not shown, and the next beat draws it again.
            _parts()[name] = _Part(look, every, shown)

        return cast("Callable[Concatenate[Visit, P], None]", drawn)

    return decorate


@st.fragment(run_every=BEAT_S)
def beat() -> None:
    """Has the parts that moved run again, right after this."""
    context = get_script_run_ctx()
    if context is None or not context.fragment_ids_this_run:
        return  # a full run, which draws them all
    moved = [name for name, one in [*_parts().items()] if one.moved()]
    if moved:
        _run(context, moved)


def _run(context: Any, names: Iterable[str]) -> None:
    # What `st.rerun(names)` would ask for, which Streamlit takes from the callback of a widget only, lest it break off
    # what runs; a beat has nothing left to do.
    context.script_requests.request_rerun(
        RerunData(
            query_string=context.query_string,
            page_script_hash=context.page_script_hash,
            fragment_id_queue=context.fragment_storage.resolve_target([*names]),
            cached_message_hashes=context.cached_message_hashes,
            context_info=context.context_info,
            is_auto_rerun=True,
        )
    )


def _look(visit: Visit, make: Callable[[], Shown]) -> Shown:
    try:
        return make()
    except (StoreError, RedisError):
        return [el("p", Shell(visit.locale.language).section_away, class_="ut-none", role="status")]


def _parts() -> dict[str, _Part]:
    return cast("dict[str, _Part]", st.session_state.setdefault(_PARTS, {}))

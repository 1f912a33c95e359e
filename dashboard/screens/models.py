"""The page Models: who serves and how good it is, the shadow, the history; and, as its other view, the label queue."""

from __future__ import annotations

from typing import Final

import streamlit as st

from dashboard import acting, address, guard, label_page, model_changes, model_figures, model_reads
from dashboard.markup import el, plain
from dashboard.visit import Visit
from dashboard.words.models import Models
from undertone.errors import ModelError

MODELS: Final = "models"
LABELS: Final = "labels"


def draw(visit: Visit) -> None:
    if _view(visit) == LABELS:
        label_page.draw(visit)
        return
    say = Models(visit.locale.language)
    acting.notice()
    try:
        found = model_reads.serving(visit.settings)
    except ModelError as error:
        st.html(el("p", "■ ", say.unreadable.format(reason=plain(str(error), 600)), class_="ut-notice ut-refused"))
        return
    with guard.calm(visit.locale):
        st.html(model_figures.serving(visit, found))
    if visit.settings.registry is None:
        st.html(el("p", say.no_registry, class_="ut-facts"))
    model_changes.change(visit, found)
    st.html(model_figures.table(found, visit.locale))
    model_figures.by_class(visit, found.champion)
    with guard.calm(visit.locale):
        st.html(model_changes.shadow(visit))
    st.html(model_changes.history(found, visit.locale))


def _view(visit: Visit) -> str:
    """What is chosen, also in the URL."""
    say = Models(visit.locale.language)
    current = address.value("view", (LABELS,)) or MODELS
    address.seed("models-view", {"models-view": current})
    names = {MODELS: say.view_models, LABELS: say.view_labels}
    chosen = st.segmented_control(
        say.view, [*names], key="models-view", required=True, format_func=names.__getitem__,
        label_visibility="collapsed",
    )  # fmt: skip
    view = chosen or MODELS
    address.settle("models-view", {"models-view": chosen}, {"view": "" if view == MODELS else view})
    return view

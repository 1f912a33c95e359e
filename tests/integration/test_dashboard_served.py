"""The dashboard as it is served: what a browser is sent first, and the beat of an open page over its WebSocket."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.request import Request, urlopen

import pytest

from benchmarks.viewers import Viewer
from dashboard.frontend import SCRIPTS, scripts
from dashboard.guard import wall_ms
from tests import seed
from tests.acceptance.desk import redis_address, served
from tests.servers import wait_until
from undertone import keys
from undertone.embedded import EmbeddedValkey
from undertone.settings import Settings
from undertone.store import Store

BEATS = 7
"""In which every part of a page is looked at."""
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store of these tests alone, with two days in it, in which nothing fires."""
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as valkey:
        opened = Store.open(valkey.url)
        seed.seed(opened)
        seed.publish(opened)
        yield opened
        opened.redis.close()


@pytest.fixture(scope="module")
def port(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a dashboard reads it."""
    with served(Settings(redis_url=redis_address(store)), tmp_path_factory.mktemp("dashboard")) as page:
        yield int(page.rstrip("/").rpartition(":")[2])


def test_a_beat_draws_what_moved_and_nothing_else(store: Store, port: int) -> None:
    _written(store, 3 * 3_600_000)
    with Viewer(port, "", "") as viewer:
        viewer.rerun()
        assert {"ut-masthead", "ut-calm", "ut-watch", "ut-health"} <= _named(viewer)
        wait_until(lambda: _still(viewer), PATIENCE_S, "nothing is drawn while nothing moves")
        seed.publish(store, seed.alert(store))
        wait_until(lambda: _beat(viewer), PATIENCE_S, "the alert is drawn")
        assert "ut-alarm" in _named(viewer)
        assert not {"ut-watch", "ut-masthead", "ut-health"} & _named(viewer)
        assert _still(viewer)


def test_an_age_goes_on_though_nothing_new_comes(store: Store, port: int) -> None:
    _written(store, 4_000)
    with Viewer(port, "", "") as viewer:
        viewer.rerun()
        wait_until(lambda: _beat(viewer) and "ut-masthead" in _named(viewer), PATIENCE_S, "the age in the head goes on")
        assert "ut-watch" not in _named(viewer)


def test_the_frame_of_the_page_comes_before_any_script_has_run(port: int) -> None:
    english, chinese = _got(port, "", accept="text/html"), _got(port, "trends?lang=zh", accept="text/html")
    assert "Opening the page" in english.body.decode()
    assert "<title>Undertone</title>" in english.body.decode()
    assert "正在打开页面" in chinese.body.decode()
    assert '<html lang="zh">' in chinese.body.decode()
    assert "etag" not in english.headers
    for name in scripts(english.body.decode(), charted=True):
        assert f"/{name}" in english.body.decode()


def test_scripts_are_sent_compressed_to_who_takes_that_and_are_what_streamlit_has(port: int) -> None:
    page = _got(port, "", accept="text/html").body.decode()
    for name in re.findall(r"static/js/[\w.-]+\.js", page):
        wanted = (SCRIPTS.parents[1] / name).read_bytes()
        packed, again = (_got(port, name, accept_encoding="gzip") for _ in range(2))
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == wanted
        assert packed == again
        assert "immutable" in packed.headers["cache-control"]
        assert _got(port, name).body == wanted


def test_what_is_no_page_and_no_script_is_answered_as_by_streamlit(port: int) -> None:
    assert _got(port, "_stcore/health").body == b"ok"
    assert "ut-frame" not in _got(port, "static/js/none.js").body.decode()


class Got(NamedTuple):
    headers: dict[str, str]
    body: bytes


def _got(port: int, path: str, **headers: str) -> Got:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with urlopen(Request(f"http://127.0.0.1:{port}/{path}", headers=named), timeout=PATIENCE_S) as reply:
        kept = {name.lower(): value for name, value in reply.headers.items() if name.lower() != "date"}
        return Got(kept, reply.read())


def _written(store: Store, ago_ms: int) -> None:
    """As if the newest counts had been written so long ago."""
    for stream, count in seed.PARTITIONS.items():
        for number in range(count):
            store.redis.hset(keys.partition_state(stream, number), "updated_ms", wall_ms() - ago_ms)


def _still(viewer: Viewer) -> bool:
    """Whether none of the beats in which every part is looked at draws anything."""
    return not any(_beat(viewer) for _ in range(BEATS))


def _beat(viewer: Viewer) -> list[str]:
    """What one beat draws."""
    [part] = viewer.parts
    viewer.rerun(part)
    return viewer.markup


def _named(viewer: Viewer) -> set[str]:
    """The classes of what was drawn."""
    return {name for one in viewer.markup for names in re.findall(r'class="([^"]*)"', one) for name in names.split()}

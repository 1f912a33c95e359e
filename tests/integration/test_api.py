"""The read API over real stories and alerts: what each path answers, page by page, and how it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from redis import Redis

from tests.api_server import MINUTE_MS, access_log, fired, publish, serving, story, tell, tell_again
from tests.seed import HOSTILE, HOSTILE_NAME, HOSTILE_URL, NOW_MS
from tests.servers import wait_until
from undertone.api import shapes
from undertone.embedded import EmbeddedValkey
from undertone.messages import Alert, Sentiment, from_ms
from undertone.store import Store

DAY_MS = 86_400_000
OLD_MS = NOW_MS - DAY_MS
TOPICS = ("Earnings", "Legal | Regulation")


@pytest.fixture(scope="module")
def store(valkey: EmbeddedValkey) -> Iterator[Store]:
    with Redis.from_url(valkey.url) as client:
        client.flushall()
    store = Store.open(valkey.url)
    store.write_labels(TOPICS, "m1", NOW_MS)
    hostile = [
        story(100 + n, NOW_MS - 1_000 - n, text=text, entities=(HOSTILE_NAME,), url=HOSTILE_URL, topic=TOPICS[1])
        for n, text in enumerate(HOSTILE)
    ]
    slides = [story(n, OLD_MS + n * MINUTE_MS) for n in range(60)]
    rises = [
        story(200 + n, OLD_MS + n * MINUTE_MS, sentiment=Sentiment.POSITIVE, text="TSLA rises", entities=("TSLA",))
        for n in range(10)
    ]
    comment = story(300, NOW_MS - 5_000, stream="comments", position="comments-0:300", source="desk", entities=("FB",))
    tell(store, *slides, *rises, *hostile, comment)
    alerts = [fired(store, n, OLD_MS + n // 10 * MINUTE_MS, entity="AAPL") for n in range(25)]
    alerts[3] = fired(store, 3, OLD_MS, entity="AAPL", rule="volume-surge", severity="warning", state="resolved")
    publish(store, *alerts)
    yield store
    store.redis.close()


@pytest.fixture(scope="module")
def api(valkey: EmbeddedValkey, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    prices = tmp_path_factory.mktemp("prices") / "prices.csv"
    rows = (f"AAPL,{from_ms(OLD_MS + hours * 3_600_000).isoformat()},{100 - hours}" for hours in (-1, 1, 24))
    prices.write_text("symbol,time,price\n" + "\n".join(rows))
    with serving(valkey.url, api_burst=100_000, api_per_minute=1_000_000, prices=prices) as client:
        yield client


def got(client: httpx.Client, path: str, shape: type[msgspec.Struct], **parameters: Any) -> Any:
    """The answer as its type, which must say all that there is."""
    answer = client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    made = msgspec.json.decode(answer.content, type=shape)
    assert json.loads(msgspec.json.encode(made)) == answer.json()
    return made


def refused(answer: httpx.Response, status: int, kind: str) -> shapes.Problem:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    made = msgspec.json.decode(answer.content, type=shapes.Problem)
    assert made.type == f"urn:undertone:problem:{kind}"
    assert made.request == answer.headers["x-request-id"]
    return made


def pages(client: httpx.Client, path: str, of: str, **parameters: Any) -> list[Any]:
    """The rows of all pages."""
    found: list[Any] = []
    while True:
        body = client.get(path, params=parameters).json()
        assert len(body[of]) <= parameters["limit"]
        found += body[of]
        if body["next"] is None:
            return found
        parameters["cursor"] = body["next"]


# Trends.


def test_trends_count_what_was_told_window_by_window(api: httpx.Client) -> None:
    span = {"from": from_ms(OLD_MS).isoformat(), "to": from_ms(OLD_MS + 10 * MINUTE_MS).isoformat()}
    made = got(api, "/v1/trends", shapes.Trends, **span, step="5m", models=True)
    assert [one.stories for one in made.buckets] == [shapes.BySentiment(5, 0, 5)] * 2
    assert [one.models for one in made.buckets] == [{"m1": 10}] * 2
    assert made.buckets[0].negative_share == 0.5
    assert made.buckets[0].net_sentiment == 0
    one = got(api, "/v1/trends", shapes.Trends, **span, step="5m", entity="Tesla", topic="Earnings")
    assert (one.entity, [bucket.stories.positive for bucket in one.buckets]) == ("TSLA", [5, 5])
    assert got(api, "/v1/trends", shapes.Trends, **span, step="5m", topic=TOPICS[1]).buckets == ()


def test_an_entity_counted_under_a_former_symbol_is_found_by_it(api: httpx.Client) -> None:
    made = got(api, "/v1/trends", shapes.Trends, stream="comments", entity="FB", step="1d")
    assert sum(one.messages.negative for one in made.buckets) == 1


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        ({"from": "2013-01-01T00:00:00Z", "step": "1m"}, "range"),
        ({"from": "1990-01-01T00:00:00Z"}, "range"),
        ({"from": "2014-02-20T00:00:00Z", "to": "2014-02-19T00:00:00Z"}, "parameter"),
        ({"topic": "Rumours"}, "parameter"),
        ({"step": "7m"}, "parameter"),
        ({"entity": " "}, "parameter"),
        ({"colour": "red"}, "parameter"),
    ],
)
def test_a_question_that_cannot_be_answered_is_told_why(
    api: httpx.Client, parameters: dict[str, str], kind: str
) -> None:
    problem = refused(api.get("/v1/trends", params=parameters), 422, kind)
    assert problem.invalid
    assert problem.detail


def test_topics_and_entities_can_be_asked_for_by_what_the_lists_say(api: httpx.Client) -> None:
    assert got(api, "/v1/topics", shapes.Topics) == shapes.Topics(model="m1", topics=TOPICS)
    whole = got(api, "/v1/entities", shapes.Entities, days=2).entities
    assert [one.entity for one in whole] == sorted([HOSTILE_NAME, "AAPL", "FB", "TSLA"])
    assert {one.entity: one.name for one in whole}["TSLA"] == "Tesla"
    assert [one["entity"] for one in pages(api, "/v1/entities", "entities", days=2, limit=1)] == [
        one.entity for one in whole
    ]
    for one in whole:
        stream = "comments" if one.entity == "FB" else "news"
        made = got(api, "/v1/trends", shapes.Trends, stream=stream, entity=one.entity, step="1d")
        assert sum(bucket.messages.negative + bucket.messages.positive for bucket in made.buckets) > 0


# Stories.


def test_pages_of_stories_are_the_whole_newest_first(api: httpx.Client, store: Store) -> None:
    found = pages(api, "/v1/stories", "stories", limit=7, **{"from": from_ms(OLD_MS).isoformat()})
    kept = [one for stream in ("news", "comments") for one in store.evidence(stream, OLD_MS, NOW_MS)]
    assert [one["position"] for one in found] == [
        one.position for one in sorted(kept, key=lambda one: (-one.published_ms, one.position))
    ]


def test_stories_say_how_often_they_were_told_again_by_whom_and_when(api: httpx.Client, store: Store) -> None:
    told = story(9_000, NOW_MS - 2 * DAY_MS, text="told again and again")
    tell(store, told)
    hour_ms = 3_600_000
    for source, later_h in (("post", 1), ("times", 2), ("post", 20)):
        tell_again(store, told, source, told.published_ms + later_h * hour_ms)
    wide = {"from": from_ms(told.published_ms).isoformat(), "to": from_ms(told.published_ms + hour_ms).isoformat()}
    (one,) = got(api, "/v1/stories", shapes.Stories, **wide).stories
    assert one.copies == 3
    found = got(api, one.href, shapes.OneStory)
    assert found.story == one
    hours = [from_ms((told.published_ms // hour_ms + later) * hour_ms) for later in (1, 2, 20)]
    by_source = (shapes.FromSource(source="post", copies=2), shapes.FromSource(source="times", copies=1))
    assert found.copies == shapes.Copies(
        count=3, sources=2, first=hours[0], last=hours[-1], by_source=by_source,
        by_hour=tuple(shapes.InHour(start=at, copies=1) for at in hours),
    )  # fmt: skip
    untold = got(api, "/v1/stories/comments-0:300", shapes.OneStory)
    assert (untold.story.copies, untold.copies.count, untold.copies.first) == (0, 0, None)


def test_stories_are_found_by_words_entity_sentiment_and_source(api: httpx.Client) -> None:
    wide = {"from": from_ms(OLD_MS).isoformat(), "limit": 200}
    assert len(got(api, "/v1/stories", shapes.Stories, **wide, q="tsla RISES").stories) == 10
    assert len(got(api, "/v1/stories", shapes.Stories, **wide, q="number 42").stories) == 1
    assert len(got(api, "/v1/stories", shapes.Stories, **wide, sentiment="positive").stories) == 10
    assert len(got(api, "/v1/stories", shapes.Stories, **wide, entity="Apple", stream="news").stories) == 60
    assert len(got(api, "/v1/stories", shapes.Stories, **wide, source="desk").stories) == 1
    assert got(api, "/v1/stories", shapes.Stories, **wide, topic=TOPICS[0], q="script").stories == ()


def test_a_story_is_found_by_its_position_with_and_without_its_time(api: httpx.Client) -> None:
    (one,) = got(api, "/v1/stories", shapes.Stories, q="number 42", **{"from": from_ms(OLD_MS).isoformat()}).stories
    assert got(api, one.href, shapes.OneStory).story == one
    assert got(api, f"/v1/stories/{one.position}", shapes.OneStory).story == one
    refused(api.get("/v1/stories/news-0:999999"), 404, "not-found")
    refused(api.get("/v1/stories/news-77:1"), 404, "not-found")
    refused(api.get("/v1/stories/rumours-0:1"), 422, "parameter")


def test_a_cursor_of_another_question_is_refused(api: httpx.Client) -> None:
    wide = {"from": from_ms(OLD_MS).isoformat()}
    first = api.get("/v1/stories", params={**wide, "limit": 2, "stream": "news"}).json()
    again = {**wide, "limit": 2, "stream": "comments", "cursor": first["next"]}
    assert "another question" in refused(api.get("/v1/stories", params=again), 422, "parameter").detail


def test_hostile_text_comes_back_as_data_and_its_address_not_at_all(api: httpx.Client) -> None:
    answer = api.get("/v1/stories", params={"entity": HOSTILE_NAME, "limit": 50})
    stories = answer.json()["stories"]
    assert [one["text"] for one in stories] == list(HOSTILE)
    assert [one["url"] for one in stories] == [None] * len(HOSTILE)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


# Alerts.


def test_pages_of_alerts_are_the_whole_though_many_fired_at_once(api: httpx.Client) -> None:
    found = [one["id"] for one in pages(api, "/v1/alerts", "alerts", limit=4)]
    assert found == [f"alert-{n:04}" for tens in (2, 1, 0) for n in sorted(range(25), reverse=True) if n // 10 == tens]


def test_alerts_are_found_by_state_severity_rule_and_time(api: httpx.Client) -> None:
    for name, value in (("state", "resolved"), ("severity", "warning"), ("rule", "volume-surge")):
        assert [one.id for one in got(api, "/v1/alerts", shapes.Alerts, **{name: value}).alerts] == ["alert-0003"]
    assert len(got(api, "/v1/alerts", shapes.Alerts, entity="Apple", limit=100).alerts) == 25
    assert got(api, "/v1/alerts", shapes.Alerts, entity="TSLA").alerts == ()
    late = {"from": from_ms(OLD_MS + 2 * MINUTE_MS).isoformat()}
    assert len(got(api, "/v1/alerts", shapes.Alerts, **late).alerts) == 5
    early = {"to": from_ms(OLD_MS + MINUTE_MS).isoformat()}
    assert len(got(api, "/v1/alerts", shapes.Alerts, **early).alerts) == 10


@pytest.mark.parametrize(("language", "word"), [("en", "negative stories"), ("zh", "负面报道")])
def test_an_alert_is_told_in_a_paragraph_with_what_supports_it_and_the_price_after(
    api: httpx.Client, language: str, word: str
) -> None:
    made = got(api, "/v1/alerts/alert-0001", shapes.OneAlert, language=language)
    assert isinstance(made.alert, Alert)
    assert word in made.text
    assert all(one.supported for one in made.sentences)
    assert [round(one.change, 3) for one in made.price_moves] == [-0.02, -0.248]
    assert "AAPL" in made.sentences[-1].text
    assert not any("alert-0019" in one.alerts for one in made.sentences)
    later = got(api, "/v1/alerts/alert-0020", shapes.OneAlert, language=language)
    assert ("alert-0019", "alert-0020") in [one.alerts for one in later.sentences]
    refused(api.get("/v1/alerts/nobody"), 404, "not-found")


# How it answers.


def test_who_has_the_answer_is_told_so_and_what_is_settled_may_be_kept(api: httpx.Client) -> None:
    settled = {"from": from_ms(OLD_MS).isoformat(), "to": from_ms(OLD_MS + MINUTE_MS).isoformat()}
    first = api.get("/v1/trends", params=settled)
    assert "max-age" in first.headers["cache-control"]
    again = api.get("/v1/trends", params=settled, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert api.get("/v1/trends").headers["cache-control"] == "private, no-cache"


def test_a_long_answer_is_compressed_for_who_takes_it(api: httpx.Client) -> None:
    asked = {"from": from_ms(OLD_MS).isoformat(), "limit": "200"}
    small = api.get("/v1/stories", params=asked)
    plain = api.get("/v1/stories", params=asked, headers={"Accept-Encoding": "identity"})
    assert small.headers["content-encoding"] == "gzip"
    assert small.num_bytes_downloaded < plain.num_bytes_downloaded / 4
    assert small.json() == plain.json()


def test_health_says_how_fresh_the_data_is(api: httpx.Client) -> None:
    made = got(api, "/v1/health", shapes.Health)
    assert (made.status, made.model) == ("idle", "m1")
    assert [(one.stream, one.event_time) for one in made.streams] == [
        ("news", from_ms(NOW_MS)),
        ("comments", from_ms(NOW_MS)),
    ]
    assert all(one.age_s is not None for one in made.streams)


def test_what_is_no_reading_question_is_refused_unread(api: httpx.Client) -> None:
    assert refused(api.post("/v1/trends"), 405, "method").detail == "use GET"
    refused(api.get("/v1/secrets"), 404, "not-found")
    refused(api.get("/v1/trends", params={"topic": "x" * 5_000}), 414, "too-long")
    refused(api.request("GET", "/v1/trends", content=b"x"), 413, "body")
    refused(api.get("/v1/trends", headers={"Host": "rebound.example.com"}), 421, "host")
    refused(api.get("/v1/trends", headers={"X-Long": "x" * 20_000}), 431, "headers")


def test_other_origins_read_only_if_they_are_listed(api: httpx.Client, valkey: EmbeddedValkey) -> None:
    theirs = {"Origin": "https://desk.example.com"}
    assert "access-control-allow-origin" not in api.get("/v1/health", headers=theirs).headers
    with serving(valkey.url, api_origins="https://desk.example.com") as other:
        assert other.get("/v1/health", headers=theirs).headers["access-control-allow-origin"] == theirs["Origin"]
        assert "access-control-allow-origin" not in other.get("/v1/health", headers={"Origin": "https://x.org"}).headers


def test_the_access_log_has_names_of_parameters_and_no_words_of_them(api: httpx.Client) -> None:
    with access_log() as log:
        name = api.get("/v1/stories", params={"q": "secretword"}).headers["x-request-id"]
        lines = wait_until(lambda: [one for one in log if name in one])
    (line,) = lines
    fields = json.loads(line)
    assert (fields["path"], fields["parameters"], fields["status"]) == ("/v1/stories", ["q"], 200)
    assert "secretword" not in line

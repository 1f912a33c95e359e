"""What the read API decides without a server: steps, times, addresses, tokens, where it may listen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from undertone.api import answers, shapes, steps, tokens
from undertone.api.admission import Rate, neighbourhood
from undertone.api.problems import ApiError
from undertone.api.queries import Moment
from undertone.keys import API_BUCKET_TTL_S, DAY_S
from undertone.web_address import followable

DAY_MS = DAY_S * 1000
NOW_MS = 1_764_057_600_000
moment = TypeAdapter(Moment)


@given(
    start_ms=st.integers(0, NOW_MS),
    length_ms=st.integers(1, 400 * DAY_MS),
    step=st.sampled_from(("auto", *steps.STEPS)),
    width=st.integers(1, 4_000),
)
def test_a_plan_holds_the_range_within_the_limits_or_says_the_limit(
    start_ms: int, length_ms: int, step: str, width: int
) -> None:
    end_ms = start_ms + length_ms
    made: steps.Plan | None = None
    refusal: ApiError | None = None
    try:
        made = steps.plan(start_ms, end_ms, step, width)
    except ApiError as error:
        refusal = error
    if made is None:
        assert refusal is not None
        assert refusal.status == 422
        assert "ask for" in refusal.problem.detail
        return
    assert made.start_ms <= start_ms < end_ms <= made.end_ms
    assert made.start_ms % (made.size_s * 1000) == made.end_ms % (made.size_s * 1000) == 0
    assert made.buckets <= steps.MOST_BUCKETS
    assert made.buckets * width <= steps.MOST_READS


@pytest.mark.parametrize(
    ("days", "width", "step"), [(0.1, 1, "1m"), (1, 1, "5m"), (7, 1, "1h"), (30, 1, "1d"), (1, 2_000, "1h")]
)
def test_auto_takes_the_shortest_step_that_is_allowed(days: float, width: int, step: str) -> None:
    assert steps.plan(NOW_MS, NOW_MS + round(days * DAY_MS), "auto", width).step == step


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ApiError, match="not before"):
        steps.plan(NOW_MS, NOW_MS, "1m", 1)


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-25",
        "2026-11-25T08:00:00",
        "1764057600",
        "2026-11-25T08:00Z",
        "1969-12-31T23:59:59Z",
        "2999-01-01T00:00:00Z",
        "2026-11-25T08:00:00 00:00",
        "２026-11-25T08:00:00Z",
        "2026-02-30T08:00:00Z",
    ],
)
def test_a_time_without_a_zone_or_out_of_range_is_refused(written: str) -> None:
    with pytest.raises(ValidationError):
        moment.validate_python(written)


def test_a_time_may_have_any_zone() -> None:
    assert moment.validate_python("2026-11-25T16:00:00.5+08:00") == datetime(2026, 11, 25, 8, 0, 0, 500_000, UTC)


def test_an_ipv6_host_is_one_address_however_many_it_uses() -> None:
    assert neighbourhood("2001:db8:0:1::5") == neighbourhood("2001:db8:0:1:ffff::9")
    assert neighbourhood("2001:db8:0:2::5") != neighbourhood("2001:db8:0:1::5")
    assert neighbourhood("::ffff:203.0.113.9") == "203.0.113.9"


def test_a_bucket_never_holds_more_than_comes_back_while_it_is_kept() -> None:
    assert Rate(burst=10_000, a_minute=10).capacity == 10 * API_BUCKET_TTL_S // 60


KEPT = {
    "name": "desk",
    "scopes": "read:trends",
    "salt": "ab",
    "digest": tokens._digest("ab", "s" * 43),
    "created_ms": str(NOW_MS),
    "expires_ms": str(NOW_MS + 1_000),
}


def test_a_token_is_believed_by_its_secret_until_it_expires() -> None:
    shown = tokens.presented("ut_0123456789abcdef_" + "s" * 43)
    assert shown is not None
    known = tokens.believed(shown, KEPT, NOW_MS + 999)
    assert known is not None
    assert known.scopes == ("read:trends",)
    assert tokens.believed(shown, KEPT, NOW_MS + 1_000) is None
    assert tokens.believed(shown._replace(secret="t" * 43), KEPT, NOW_MS) is None
    assert tokens.believed(shown, {}, NOW_MS) is None


@pytest.mark.parametrize(
    "written", ["", "ut_", "ut_0123456789abcdef_short", "xx_0123456789abcdef_" + "s" * 43, "ut_*_s"]
)
def test_what_is_no_token_is_not_looked_up(written: str) -> None:
    assert tokens.presented(written) is None


def test_a_page_ends_before_it_is_too_long_to_send_and_has_one_row_at_least() -> None:
    def shaped(size: int) -> shapes.Invalid:
        return shapes.Invalid("x", "y" * size)

    half = answers.MOST_BYTES // 2
    assert answers.fitting([half - 100, half - 100, 1_000], shaped) == 2
    assert answers.fitting([3 * half, 1], shaped) == 1
    assert answers.fitting([1, 2, 3], shaped) == 3
    assert answers.fitting([], shaped) == 0


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "https://u:p@example.com/",
        "https://",
        "http:\\\\x",
        "https://a b",
        "data:text/html,x",
        "",
    ],
)
def test_an_address_that_nobody_should_follow_is_left_out(url: str) -> None:
    assert followable(url) is None
    assert followable("https://example.com/a?b=c#d") == "https://example.com/a?b=c#d"

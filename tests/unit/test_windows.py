"""Event time: admission, the watermark and the windows, by themselves."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stream.windows import NO_WATERMARK, Admission, Cell, admit, aggregate
from undertone.keys import MODEL_FIELD, SIZES_S, field
from undertone.trends import Counts, Series, fields_of

LATENESS_MS = 3_600_000
FUTURE_MS = 300_000

times = st.integers(0, 4 * 86_400_000)
records = st.lists(st.tuples(times, times), max_size=60)
cells = st.lists(
    st.builds(
        Cell,
        published_ms=times,
        topic=st.sampled_from(["Earnings", "M&A | Investments"]),
        entities=st.sets(st.sampled_from(["AAPL", "META", "BRK.B"])).map(lambda found: tuple(sorted(found))),
        sentiment=st.integers(0, 2),
        score_micro=st.integers(-1_000_000, 1_000_000),
        opens_story=st.booleans(),
    ),
    max_size=40,
)


def judge(log: list[tuple[int, int]], watermark_ms: int = NO_WATERMARK) -> Admission:
    return admit(
        [published for published, _ in log],
        [stamped for _, stamped in log],
        watermark_ms=watermark_ms,
        lateness_ms=LATENESS_MS,
        future_ms=FUTURE_MS,
    )


@given(records, times)
def test_watermark_never_goes_back(log: list[tuple[int, int]], watermark_ms: int) -> None:
    assert judge(log, watermark_ms).watermark_ms >= watermark_ms


def test_watermark_does_not_go_back_within_a_batch() -> None:
    hour = LATENESS_MS
    admission = judge([(9 * hour, 9 * hour), (2 * hour, 9 * hour), (8 * hour, 9 * hour), (7 * hour, 9 * hour)])
    assert admission.late.tolist() == [False, True, False, True]
    assert admission.watermark_ms == 9 * hour


@given(records)
def test_admission_is_what_a_loop_over_the_log_finds(log: list[tuple[int, int]]) -> None:
    watermark_ms, late, future = NO_WATERMARK, [], []
    for published_ms, stamped_ms in log:
        is_future = published_ms > stamped_ms + FUTURE_MS
        future.append(is_future)
        late.append(not is_future and published_ms < watermark_ms - LATENESS_MS)
        if not is_future:
            watermark_ms = max(watermark_ms, published_ms)
    admission = judge(log)
    assert admission.late.tolist() == late
    assert admission.future.tolist() == future
    assert admission.watermark_ms == watermark_ms


@given(records, st.sets(st.integers(0, 60)))
def test_admission_does_not_depend_on_how_the_log_is_cut(log: list[tuple[int, int]], cuts: set[int]) -> None:
    whole = judge(log)
    late, future, watermark_ms = [], [], NO_WATERMARK
    for begin, end in pairwise([0, *sorted(cut for cut in cuts if cut <= len(log)), len(log)]):
        part = judge(log[begin:end], watermark_ms)
        late += part.late.tolist()
        future += part.future.tolist()
        watermark_ms = part.watermark_ms
    assert (late, future, watermark_ms) == (whole.late.tolist(), whole.future.tolist(), whole.watermark_ms)


def test_record_from_the_future_moves_no_watermark() -> None:
    year_2999 = 32_472_144_000_000
    admission = judge([(1_000, 1_000), (year_2999, 2_000), (1_500, 3_000)])
    assert admission.future.tolist() == [False, True, False]
    assert not admission.late.any()
    assert admission.watermark_ms == 1_500


def test_record_at_the_very_edge_is_admitted() -> None:
    edge = judge([(LATENESS_MS, LATENESS_MS), (0, 0), (FUTURE_MS, 0)])
    assert edge.admitted.tolist() == [True, True, True]
    beyond = judge([(LATENESS_MS + 1, LATENESS_MS + 1), (0, 0), (FUTURE_MS + 1, 0)])
    assert beyond.admitted.tolist() == [True, False, False]


def test_empty_batch_keeps_the_watermark() -> None:
    assert judge([], 77).watermark_ms == 77


@given(cells)
def test_windows_are_what_counting_one_by_one_finds(counted: list[Cell]) -> None:
    expected: dict[tuple[int, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for cell in counted:
        for size_s in SIZES_S:
            window = expected[size_s, cell.published_ms // 1000 // size_s * size_s]
            window[f"{MODEL_FIELD}m1"] += 1
            for entity in ["", *cell.entities]:
                window[field(cell.topic, entity, "m" + "-0+"[cell.sentiment])] += 1
                window[field(cell.topic, entity, "v")] += cell.score_micro
                if cell.opens_story:
                    window[field(cell.topic, entity, "s" + "-0+"[cell.sentiment])] += 1
    found = aggregate(counted, "m1")
    assert {place: _without_zeros(window) for place, window in found.items()} == {
        place: _without_zeros(window) for place, window in expected.items()
    }


@given(cells)
def test_every_size_holds_the_same_totals(counted: list[Cell]) -> None:
    totals: dict[int, dict[str, int]] = {size_s: defaultdict(int) for size_s in SIZES_S}
    for (size_s, _), window in aggregate(counted, "m1").items():
        for name, n in window.items():
            totals[size_s][name] += n
    minute, *others = (_without_zeros(totals[size_s]) for size_s in SIZES_S)
    assert all(other == minute for other in others)


def test_copy_counts_as_a_message_and_not_as_a_story() -> None:
    first = Cell(60_000, "Earnings", ("META",), 0, -900_000, True)
    windows = aggregate([first, first._replace(opens_story=False)], "m1")
    window = windows[60, 60]
    for entity in ("", "META"):
        counts = Counts.of([window.get(name, 0) for name in fields_of(Series("Earnings", entity))])
        assert (counts.messages, counts.stories, counts.score_micro) == ((2, 0, 0), (1, 0, 0), -1_800_000)
    assert window[f"{MODEL_FIELD}m1"] == 2


def _without_zeros(window: dict[str, int]) -> dict[str, int]:
    return {name: n for name, n in window.items() if n}

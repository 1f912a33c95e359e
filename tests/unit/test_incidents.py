from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.incidents import Member, group, related


def member(name: str, stories: str, *, entity: str = "", begin: int = 0, end: int = 10, incident: str = "") -> Member:
    return Member(name, incident, entity, begin, end, frozenset(stories), place=ord(name[0]))


def test_half_of_the_stories_of_the_smaller_one_are_enough() -> None:
    assert related(member("a", "abcdefgh"), member("b", "hgxy"))
    assert not related(member("a", "abcdefgh"), member("b", "hvxyz"))
    assert not related(member("a", ""), member("b", ""))


def test_the_same_company_at_the_same_time_needs_one_story() -> None:
    one = member("a", "abcdefgh", entity="ACME", begin=0, end=5)
    assert related(one, member("b", "hvwxyz", entity="ACME", begin=5, end=9))
    assert not related(one, member("b", "hvwxyz", entity="ACME", begin=6, end=9))
    assert not related(one, member("b", "hvwxyz", entity="BUST", begin=5, end=9))
    assert not related(one, member("b", "stuvwxyz", entity="ACME", begin=5, end=9))


def test_a_company_is_of_one_event_with_the_whole_stream_if_it_has_half_of_its_stories() -> None:
    whole = member("w", "abcdefgh", incident="w")._replace(whole=True)
    assert related(member("a", "abcd", entity="ACME"), whole)
    assert not related(member("a", "abc", entity="ACME"), whole)
    assert related(member("a", "abc"), whole)
    assert group([member("a", "abc", entity="ACME")], [whole]) == {"a": "a"}
    assert group([member("a", "abc")], [whole]) == {"a": "w"}


def test_the_whole_stream_joins_no_incident_but_its_own_and_one_that_begins_with_it() -> None:
    topic, whole = member("t", "abcd", incident="t"), member("w", "abcdefgh")._replace(whole=True)
    assert group([whole], [topic]) == {"w": "w"}
    assert group([whole], [topic, whole._replace(name="v", incident="v")]) == {"w": "v"}
    assert group([whole, member("a", "efgh")], []) == {"a": "a", "w": "a"}


def test_those_of_one_look_are_named_after_the_first_to_be_told() -> None:
    new = [member("c", "ab"), member("a", "bc"), member("b", "xy")]
    assert group(new, []) == {"a": "a", "c": "a", "b": "b"}


def test_one_that_is_related_to_two_incidents_joins_the_older_and_leaves_both_as_they_are() -> None:
    known = [
        member("p", "ab", incident="p", begin=5),
        member("q", "cd", incident="q", begin=3),
        member("r", "ef", incident="p", begin=1),
    ]
    assert group([member("a", "abcd")], known) == {"a": "p"}


def test_one_joins_through_another_of_the_same_look() -> None:
    known = [member("p", "ab", incident="p")]
    assert group([member("b", "yz"), member("a", "byz")], known) == {"a": "p", "b": "p"}


MEMBERS = st.lists(
    st.tuples(st.text("abcdefgh", max_size=5), st.sampled_from(["", "ACME", "BUST"]), st.integers(0, 5)), max_size=8
)


@settings(max_examples=60)
@given(MEMBERS, MEMBERS, st.randoms(use_true_random=False))
def test_the_order_in_which_alerts_come_changes_nothing(
    old: list[tuple[str, str, int]], new: list[tuple[str, str, int]], chance: random.Random
) -> None:
    known = [
        Member(f"old-{n}", f"old-{n - n % 3}", entity, begin, begin + 2, frozenset(stories))
        for n, (stories, entity, begin) in enumerate(old)
    ]
    fired = [
        Member(f"new-{n}", "", entity, begin, 6, frozenset(stories), n)
        for n, (stories, entity, begin) in enumerate(new)
    ]
    found = group(fired, known)
    assert group(chance.sample(fired, len(fired)), chance.sample(known, len(known))) == found
    for one in fired:
        for other in fired:
            assert not related(one, other) or found[one.name] == found[other.name]
        mine = {other.incident for other in known if related(one, other)}
        assert not mine or found[one.name] in {other.incident for other in known}
    assert {name for name in found.values() if name.startswith("new")} <= found.keys()

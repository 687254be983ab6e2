"""docs/reference/audit-events.md, held against every audit event that the code can write."""

import re
from collections import Counter
from pathlib import Path

from tests.docs.audit_writers import unread, written

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference" / "audit-events.md").read_text()
Row = tuple[set[str], set[str]]
"""The trails that a type is in, and the fields of its `details`."""


def listed() -> dict[str, Row]:
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]*) \| ([^|]*) \|", PAGE, re.MULTILINE)
    assert [name for name, count in Counter(row[0] for row in rows).items() if count > 1] == []
    return {name: (set(trail.split(" or ")), set(re.findall(r"`(\w+)`", said))) for name, trail, said in rows}


def in_code() -> dict[str, Row]:
    found: dict[str, Row] = {}
    for event in written():
        trails, fields = found.setdefault(event.type, (set(), set()))
        trails |= event.trails
        fields |= event.fields
    return found


def named_behind(words: str) -> set[str]:
    """The types that the sentence which begins like this has in it."""
    sentence = re.split(r"\.\s", PAGE.partition(words)[2], maxsplit=1)[0]
    return set(re.findall(r"`([a-z]+-[a-z-]+)`", sentence))


def test_every_type_is_on_the_page_with_its_trail_and_its_fields_and_no_other() -> None:
    assert len(in_code()) > 40
    assert listed() == in_code()


def test_what_is_not_always_successful_is_named() -> None:
    assert named_behind("`status` is `successful`, but for") == {
        event.type for event in written() if event.status != "successful"
    }


def test_redox_s_own_words_are_among_the_types() -> None:
    own = named_behind("Redox's own are")
    assert own
    assert own < in_code().keys()


def test_a_type_stands_once_in_the_code_however_many_places_write_it() -> None:
    places: dict[str, set[str]] = {}
    for event in written():
        places.setdefault(event.type, set()).add(event.spelled_at)
    assert {name: at for name, at in places.items() if len(at) > 1} == {}


def test_no_call_that_writes_one_is_passed_over() -> None:
    assert unread() == []

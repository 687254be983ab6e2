"""What is read of a message, and that the rest of its bytes is left alone."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waypost.messages import model
from waypost.messages.model import MessageInvalid

META = b'{"DataModel":"PatientAdmin","EventType":"NewPatient","Destinations":[{"ID":"A1"}]}'


def span(body: bytes) -> bytes:
    start, end = model.meta_span(body)
    return body[start:end]


def refusal(body: bytes) -> str:
    with pytest.raises(MessageInvalid) as caught:
        model.read(body)
    return str(caught.value)


def with_members(**members: Any) -> bytes:
    """A message whose Meta has these members; None leaves one out."""
    usual = {"DataModel": "PatientAdmin", "EventType": "NewPatient", "Destinations": [{"ID": "a"}]}
    meta = {name: value for name, value in (usual | members).items() if value is not None}
    return json.dumps({"Meta": meta}).encode()


def test_what_decides_where_a_message_goes_is_read() -> None:
    body = with_members(
        DataModel="Clinical Summary", EventType="PatientPush", Source={"ID": "AB-1", "Name": "x"},
        Destinations=[{"ID": "D-1"}, {"ID": "d-2", "Name": None}], FacilityCode="RX 1", Test=False, Logs=[1],
    )  # fmt: skip
    found = model.read(body)
    assert (found.data_model, found.event_type, found.facility_code) == ("Clinical Summary", "PatientPush", "RX 1")
    assert (found.source_id, found.destination_ids) == ("ab-1", ("d-1", "d-2"))
    assert body[found.meta_start : found.meta_end] == span(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"Meta":%s}',
        b' \r\n\t{ \n"Meta"\t:\r %s \n, "x" : 1 } \n',
        b'{"x":{"Meta":{"DataModel":"no"}},"Meta":%s}',
        b'{"x":"\\"Meta\\":{}","Meta":%s}',
        b'{"a\\"}{,:\\\\":"}","Meta":%s,"z":[{"Meta":2}]}',
        b'{"\\u004d\\u0065ta":%s}',
        b'{"Met\\u00e4":1,"meta":2,"META":3,"Meta":%s}',
        b'{"x":1e999,"y":-0.0,"z":12345678901234567890123,"Meta":%s}',
        b'{"":null,"x":true,"y":false,"Meta":%s}',
        '{"Größe":"☃","Meta":%s}'.encode(),
    ],
)
def test_meta_is_found_wherever_it_lies(body: bytes) -> None:
    whole = body.replace(b"%s", META)
    assert span(whole) == META
    assert model.read(whole).destination_ids == ("a1",)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"Meta"',
        b"1",
        b"{",
        b'{"Meta":%s',
        b'{"Meta":%s}}',
        b'{"Meta":%s} trailing',
        b'{"Meta":%s}{"Meta":%s}',
        b'{"Meta":%s,}',
        b"{'Meta':%s}",
        b'{"Meta":%s,"x":NaN}',
        b'{"Meta":%s,"x":01}',
        b'{"Meta":%s,"x":"a\nb"}',
        b'{"Meta":%s,"x":"\\q"}',
        b'{"Meta":%s,"x":undefined}',
        b'\xef\xbb\xbf{"Meta":%s}',
        b'{"Meta":%s /* no */}',
    ],
)
def test_what_is_not_one_json_object_is_refused(body: bytes) -> None:
    assert refusal(body.replace(b"%s", META)) == "The body is not one well-formed JSON object in UTF-8."


@pytest.mark.parametrize(
    "body",
    [
        b'{"Meta":%s,"x":"\xff"}',
        b'{"Meta":%s,"x":"\xc3("}',
        b'{"Meta":%s,"x":"\xed\xa0\x80"}',
        b'{"Meta":%s,"\xff":1}',
        b'{"Meta":{"x":"\xe4","DataModel":"a","EventType":"b","Destinations":[{"ID":"c"}]}}',
        '{"Meta":%s}'.encode("utf-16"),
        '{"Meta":%s,"x":"ä"}'.encode("latin-1"),
    ],
)
def test_what_is_not_utf_8_is_refused_however_deep(body: bytes) -> None:
    assert refusal(body.replace(b"%s", META)) == "The body is not one well-formed JSON object in UTF-8."


@pytest.mark.parametrize(
    "body",
    [
        b'{"Meta":%s,"Meta":%s}',
        b'{"Meta":1,"Meta":%s}',
        b'{"Meta":%s,"Meta":1}',
        b'{"Meta":%s,"x":1,"\\u004deta":%s}',
        b'{"x":1,"x":1,"Meta":%s}',
        b'{"x":1,"Meta":%s,"x":2}',
        b'{"x":12,"x":1,"Meta":%s}',
        b'{"Meta":%s,"x":1,"x":1}',
        b'{"Meta":%s,"x":11,"y":1,"x":1}',
        b'{"x":%s,"Meta":%s,"x":%s}',
    ],
)
def test_a_member_that_comes_twice_is_refused(body: bytes) -> None:
    assert refusal(body.replace(b"%s", META)) == "The message has a member twice."


@pytest.mark.parametrize("body", [b"{}", b'{"meta":%s}', b'{"x":{"Meta":%s}}'])
def test_a_message_without_meta_is_refused(body: bytes) -> None:
    assert refusal(body.replace(b"%s", META)) == "The message has no Meta."


@pytest.mark.parametrize("meta", [None, 1, "x", [], [{}]])
def test_a_meta_that_is_not_an_object_is_refused(meta: Any) -> None:
    assert refusal(json.dumps({"Meta": meta}).encode()) == "Meta has a member of the wrong type."


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"DataModel": None}, "Meta.DataModel is required."),
        ({"DataModel": ""}, "Meta.DataModel is required."),
        ({"DataModel": "x" * 65}, "Meta.DataModel is one line of at most 64 characters."),
        ({"DataModel": "Patient\nAdmin"}, "Meta.DataModel is one line of at most 64 characters."),
        ({"DataModel": 7}, "Meta has a member of the wrong type."),
        ({"EventType": None}, "Meta.EventType is required."),
        ({"EventType": "x" * 129}, "Meta.EventType is one line of at most 128 characters."),
        ({"EventType": "New\x00"}, "Meta.EventType is one line of at most 128 characters."),
        ({"FacilityCode": "x" * 129}, "Meta.FacilityCode is one line of at most 128 characters."),
        ({"FacilityCode": 3}, "Meta has a member of the wrong type."),
        ({"Source": "s"}, "Meta has a member of the wrong type."),
        ({"Source": {"ID": 1}}, "Meta has a member of the wrong type."),
        ({"Destinations": None}, "Meta.Destinations needs an ID for each destination, one at least."),
        ({"Destinations": []}, "Meta.Destinations needs an ID for each destination, one at least."),
        ({"Destinations": [{}]}, "Meta.Destinations needs an ID for each destination, one at least."),
        (
            {"Destinations": [{"ID": "a"}, {"ID": ""}]},
            "Meta.Destinations needs an ID for each destination, one at least.",
        ),
        ({"Destinations": "a"}, "Meta has a member of the wrong type."),
        ({"Destinations": [{"ID": "a"}, {"ID": "A"}]}, "Meta.Destinations names a destination twice."),
        ({"Destinations": [{"ID": str(n)} for n in range(101)]}, "Meta.Destinations takes at most 100."),
    ],
)
def test_what_cannot_be_routed_by_is_refused_in_words(members: dict[str, Any], says: str) -> None:
    assert refusal(with_members(**members)) == says


def test_no_refusal_repeats_the_message() -> None:
    secret = "Timothy Bixby"
    for members in ({"DataModel": secret * 9}, {"EventType": secret + "\n"}, {"Destinations": [secret]}):
        assert secret not in refusal(with_members(**members))


def test_nesting_without_end_is_refused() -> None:
    for deep in (b"[" * 200_000 + b"]" * 200_000, b'{"a":' * 200_000 + b"1" + b"}" * 200_000):
        assert "well-formed" in refusal(b'{"Meta":%s,"x":%s}' % (META, deep))
        assert "well-formed" in refusal(b'{"Meta":%s}' % deep)


def test_a_message_of_the_largest_size_is_read() -> None:
    body = b'{"x":"' + b"\\n" * 4_900_000 + b'","Meta":' + META + b"}"
    assert model.read(body).event_type == "NewPatient"


@pytest.mark.parametrize("key", [b"k" * 9_000_000, b"\\n" * 4_500_000])
def test_a_key_of_megabytes_is_passed_over(key: bytes) -> None:
    assert model.read(b'{"' + key + b'":1,"Meta":' + META + b"}").event_type == "NewPatient"


def test_more_members_than_any_message_has_are_refused() -> None:
    many = b",".join(b'"%d":1' % number for number in range(20_000))
    assert refusal(b'{"Meta":%s,%s}' % (META, many)) == "The message has more than 10000 members."


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=6)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A message with `Meta` at any place among its members, spaced and escaped in several ways."""
    members = list((draw(OBJECTS) | {"Meta": draw(OBJECTS)}).items())
    text = json.dumps(
        dict(draw(st.permutations(members))),
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: \r\n")])),
        indent=draw(st.sampled_from([None, 0, 3])),
    )
    return (draw(st.sampled_from(["", " ", "\r\n\t"])) + text + draw(st.sampled_from(["", "\n"]))).encode()


@settings(deadline=None)
@given(messages(), OBJECTS)
def test_setting_members_of_meta_leaves_every_other_byte(body: bytes, members: dict[str, Any]) -> None:
    start, end = model.meta_span(body)
    before = json.loads(body)
    assert json.loads(body[start:end]) == before["Meta"]
    sent = model.with_meta(body, start, end, members)
    assert (sent[:start], sent[len(sent) - len(body) + end :]) == (body[:start], body[end:])
    assert json.loads(sent) == before | {"Meta": before["Meta"] | members}


@settings(deadline=None)
@given(messages(), st.data())
def test_bytes_gone_wrong_are_refused_or_still_json(body: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(body) - 1))
    broken = body[:at] + data.draw(st.binary(max_size=2)) + body[at + 1 :]
    try:
        start, end = model.meta_span(broken)
    except MessageInvalid:
        return
    assert json.loads(broken.decode())["Meta"] == json.loads(broken[start:end].decode())


@pytest.mark.parametrize("event", ["Query", "PatientQuery", "query", "NormalizationQuery", "DocumentGet"])
def test_an_event_that_asks_for_an_answer_is_a_query(event: str) -> None:
    assert model.is_query(event)


@pytest.mark.parametrize("event", ["New", "QueryResponse", "DocumentGetResponse", "PatientPush", "Queryable"])
def test_an_event_that_tells_something_is_not_a_query(event: str) -> None:
    assert not model.is_query(event)

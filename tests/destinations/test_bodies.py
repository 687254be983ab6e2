"""PATCH: bodies that are not what a body should be."""

import pytest

from tests.destinations.calls import get, patch, path
from tests.support.house import House

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"name=Ward",
        b"{'name': 'Ward'}",
        b'{"name": "Ward",}',
        b'{"name": "Ward"} {}',
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": 1e999}',
        b'{"name": "a\nb"}',
        b'{"name": "\\ud800"}',
        b'{"name": "\xff"}',
        b'{"name": "\xed\xa0\x80"}',
        '{"name": "Ward"}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"name": "\\x41"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 5_000 + b"]" * 5_000,
    ],
    ids=range(20),
)
def test_what_is_not_json_is_refused(strict: House, body: bytes) -> None:
    made = strict.destination()
    answer = patch(strict, made, body, headers=JSON)
    assert (answer.status, answer.json["type"], answer.faults) == (
        400,
        "/problems/malformed_json",
        [("", "malformed_json")],
    )
    assert get(strict, made) == made


@pytest.mark.parametrize("depth", [20, 200, 400, 600, 800, 950, 1_000, 2_000])
@pytest.mark.parametrize("field", ["setupState", "cloudProviderSettings", "environment", "name"])
def test_deep_nesting_is_refused_whatever_its_depth(strict: House, field: str, depth: int) -> None:
    body = b'{"%s":%s%s}' % (field.encode(), b'{"a":' * depth + b"1", b"}" * depth)
    assert patch(strict, strict.destination(), body, headers=JSON).status == 400


@pytest.mark.parametrize("depth", [20, 61, 62, 250, 600, 950, 1_000])
def test_deep_nesting_is_never_a_fault_of_ours_where_anything_may_be_nested(strict: House, depth: int) -> None:
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    body = b'{"name":"Ward","setupState":{"step":"x","destination":{"cloudProviderSettings":%s}}}' % nested
    create = f"/platform/v1/environments/{strict.environments['Development']}/destinations"
    answer = strict.call("POST", create, body, headers=JSON)
    assert answer.status == (201 if depth <= 61 else 400)


def test_of_members_with_the_same_name_the_last_one_counts(strict: House) -> None:
    answer = patch(strict, strict.destination(), b'{"name": 1, "name": "Laboratory"}', headers=JSON)
    assert (answer.status, answer.payload["destination"]["name"]) == (200, "Laboratory")


def test_escapes_count_as_what_they_stand_for(strict: House) -> None:
    answer = patch(strict, strict.destination(), b'{"na\\u006de": "\\ud83c\\udfe5"}', headers=JSON)
    assert (answer.status, answer.payload["destination"]["name"]) == (200, "🏥")


@pytest.mark.parametrize("size", [999_999, 1_000_000])
def test_a_body_of_a_megabyte_is_read(strict: House, size: int) -> None:
    body = b'{"name": "Laboratory"' + b" " * (size - 22) + b"}"
    assert len(body) == size
    assert patch(strict, strict.destination(), body).status == 200


def test_a_longer_body_is_refused(strict: House) -> None:
    made = strict.destination()
    answer = patch(strict, made, b'{"name": "Laboratory"' + b" " * 1_000_000 + b"}")
    assert (answer.status, answer.json["type"]) == (413, "/problems/too_large")
    assert get(strict, made) == made


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "multipart/form-data; boundary=x",
        "",
        "json",
    ],
)
def test_another_media_type_is_refused(strict: House, media_type: str) -> None:
    made = strict.destination()
    answer = patch(strict, made, b'{"name": "Laboratory"}', headers={"content-type": media_type})
    assert (answer.status, answer.json["type"]) == (415, "/problems/unsupported_media_type")
    assert get(strict, made) == made


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/merge-patch+json",
        "application/json ;x=y",
    ],
)
def test_json_by_any_of_its_names_is_accepted(strict: House, media_type: str) -> None:
    answer = patch(strict, strict.destination(), b'{"name": "Laboratory"}', headers={"content-type": media_type})
    assert answer.status == 200


def test_a_patch_without_a_body_is_refused(strict: House) -> None:
    assert strict.call("PATCH", path(strict.destination())).status == 415

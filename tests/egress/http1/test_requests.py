"""The head of a request: as given, and never more than one."""

import pytest

from waypost.egress.http1 import requests
from waypost.egress.http1.requests import Unwritable, UrlParts


def head(headers: dict[str, str], *, method: str = "POST", length: int = 0) -> bytes:
    return requests.head(method, "/x", "host.example", headers, length)


def test_a_head_says_what_was_given_and_what_http_needs() -> None:
    assert head({"X-One": "1", "content-type": "a/b"}, length=3) == (
        b"POST /x HTTP/1.1\r\nHost: host.example\r\nUser-Agent: Waypost\r\n"
        b"X-One: 1\r\ncontent-type: a/b\r\nContent-Length: 3\r\n\r\n"
    )


@pytest.mark.parametrize(("method", "said"), [("POST", True), ("PUT", True), ("DELETE", True), ("GET", False)])
def test_a_body_that_is_not_there_is_said_where_one_would_be_expected(method: str, said: bool) -> None:
    assert (b"Content-Length: 0\r\n" in head({}, method=method)) is said


def test_host_and_agent_can_be_given_and_stand_once() -> None:
    made = head({"host": "other.example", "USER-AGENT": "Else"})
    assert made.lower().count(b"host:") == made.lower().count(b"user-agent:") == 1
    assert b"Host: other.example\r\nUser-Agent: Else\r\n" in made


@pytest.mark.parametrize("broken", ["\r", "\n", "\r\n", "\0", "\x0b", "\x1f", "\x7f"])
def test_no_header_ends_its_line(broken: str) -> None:
    with pytest.raises(Unwritable):
        head({"X": f"a{broken}Y: b"})
    with pytest.raises(Unwritable):
        head({f"X{broken}Y": "a"})
    with pytest.raises(Unwritable):
        head({}, method=f"POST{broken}")


@pytest.mark.parametrize("name", ["", "X Y", "X:", "Xé", " X", "X\t"])
def test_a_name_is_one_word(name: str) -> None:
    with pytest.raises(Unwritable):
        head({name: "a"})


@pytest.mark.parametrize(
    "header", [{"Transfer-Encoding": "chunked"}, {"Content-Length": "4"}, {"content-length": "3, 3"}]
)
def test_nothing_contradicts_how_the_body_is_sent(header: dict[str, str]) -> None:
    with pytest.raises(Unwritable):
        head(header, length=3)


def test_a_value_beyond_ascii_goes_out_in_utf_8_and_half_a_character_does_not() -> None:
    assert "X: é\r\n".encode() in head({"X": "é"})
    with pytest.raises(Unwritable):
        head({"X": "\ud800"})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a.example", UrlParts(False, "a.example", 80, "a.example", "/")),
        ("https://a.example/x?y=%2F+z", UrlParts(True, "a.example", 443, "a.example", "/x?y=%2F+z")),
        ("https://a.example:8443/../b%7e", UrlParts(True, "a.example", 8443, "a.example:8443", "/../b%7e")),
        ("http://[::1]:80/", UrlParts(False, "::1", 80, "[::1]", "/")),
        ("http://a.example/ü", UrlParts(False, "a.example", 80, "a.example", "/%C3%BC")),
    ],
)
def test_a_place_is_what_the_url_says(url: str, expected: UrlParts) -> None:
    assert requests.parts_of(url) == expected


@pytest.mark.parametrize(
    "url", ["http://", "/x", "http://a.example/x y", "http://a.example/x\r\ny", "http://a:b/"]
)
def test_what_cannot_be_asked_for_has_no_place(url: str) -> None:
    assert requests.parts_of(url) is None

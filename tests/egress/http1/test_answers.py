"""One answer out of its bytes: however they are cut, whatever is wrong with them, and what comes behind them."""

import pytest

from waypost.egress.http1.answers import MOST_FIELDS, MOST_HEAD_BYTES, Malformed, Reading

LENGTH = b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\nVia: a\r\nVIA: b\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: t\r\n\r\n"
)
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + LENGTH


def read(data: bytes, *, most_bytes: int = 1000, bodiless: bool = False) -> Reading:
    reading = Reading(most_bytes, bodiless=bodiless)
    reading.feed(data)
    return reading


@pytest.mark.parametrize("whole", [LENGTH, CHUNKED, INTERIM])
def test_an_answer_is_the_same_wherever_its_bytes_are_cut(whole: bytes) -> None:
    expected = read(whole).answer()
    assert (expected.body, expected.complete) == (b"hello", True)
    for at in range(1, len(whole)):
        reading = Reading(1000)
        reading.feed(whole[:at])
        assert not reading.done
        reading.feed(whole[at:])
        assert reading.done
        assert reading.may_follow
        assert reading.answer() == expected
    dripping = Reading(1000)
    for byte in whole:
        dripping.feed(bytes([byte]))
    assert dripping.answer() == expected


def test_names_are_lower_case_and_repeated_fields_joined() -> None:
    assert dict(read(LENGTH).answer().headers) == {"content-length": "5", "via": "a, b"}


def test_interim_answers_leave_nothing_behind() -> None:
    answer = read(INTERIM).answer()
    assert answer.status == 202
    assert "link" not in answer.headers


@pytest.mark.parametrize(
    "whole",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2  \r\nab\r\n0\r\n\r\n",
    ],
)
def test_what_old_receivers_write_is_read(whole: bytes) -> None:
    assert (read(whole).answer().body, read(whole).answer().complete) == (b"ab", True)


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body_whatever_they_say(status: int) -> None:
    reading = read(b"HTTP/1.1 %d X\r\nContent-Length: 7\r\n\r\n" % status)
    assert reading.done
    assert reading.answer().complete


def test_the_answer_to_head_has_no_body_and_a_body_all_the_same_ends_the_connection() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    assert read(head, bodiless=True).may_follow
    assert read(head, bodiless=True).answer().complete
    reading = read(head + b"hello", bodiless=True)
    assert (reading.answer().body, reading.may_follow) == (b"", False)


@pytest.mark.parametrize(
    "behind", [b"x", b"\r\n\r\nx", LENGTH, b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", b"\x00" * 100_000]
)
@pytest.mark.parametrize("together", [True, False])
def test_whatever_stands_behind_an_answer_changes_nothing_but_ends_the_connection(
    behind: bytes, together: bool
) -> None:
    reading = read(LENGTH + behind if together else LENGTH)
    if not together:
        reading.feed(behind)
    assert (reading.answer().status, reading.answer().body, reading.answer().complete) == (202, b"hello", True)
    assert not reading.may_follow


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xff",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 99 Odd\r\n\r\n",
        b"HTTP/1.1 2x0 Odd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * (MOST_HEAD_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (MOST_HEAD_BYTES + 1),
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (MOST_FIELDS + 2),
        b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 1000 + b"\r\n") * 70 + b"\r\n",
    ],
)
def test_what_is_no_answer_is_refused_however_it_comes(data: bytes) -> None:
    with pytest.raises(Malformed):
        read(data)
    reading = Reading(1000)

    def drip() -> None:
        for start in range(0, len(data), 7):
            reading.feed(data[start : start + 7])

    with pytest.raises(Malformed):
        drip()


def test_interim_answers_without_end_are_refused() -> None:
    reading = Reading(1000)

    def flood() -> None:
        for _ in range(MOST_HEAD_BYTES):
            reading.feed(b"HTTP/1.1 100 Continue\r\n\r\n")

    with pytest.raises(Malformed):
        flood()


@pytest.mark.parametrize(
    ("body", "kept"), [(b"zz\r\n", b""), (b"ffffffffffffffffffff\r\n", b""), (b"2\r\nabXX", b"ab")]
)
def test_a_body_that_goes_wrong_is_cut_and_its_status_stands(body: bytes, kept: bytes) -> None:
    reading = read(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    answer = reading.answer()
    assert (answer.status, answer.body, answer.complete) == (201, kept, False)
    assert not reading.may_follow


@pytest.mark.parametrize("most_bytes", [0, 1, 4])
def test_of_a_body_no_more_is_kept_than_was_asked_for(most_bytes: int) -> None:
    for whole in (LENGTH, CHUNKED):
        reading = read(whole, most_bytes=most_bytes)
        assert (reading.answer().body, reading.answer().complete) == (b"hello"[:most_bytes], False)
        assert not reading.may_follow
    assert read(LENGTH, most_bytes=5).answer().complete


@pytest.mark.parametrize(
    ("fields", "complete"),
    [
        (b"", True),
        (b"Transfer-Encoding: gzip\r\n", True),
        (b"Content-Length: 9\r\n", False),
        (b"Transfer-Encoding: gzip, chunked\r\n", False),
    ],
)
def test_an_end_is_the_bodys_end_only_where_nothing_else_says_its_length(fields: bytes, complete: bool) -> None:
    body = b"5\r\nhello\r\n" if b"chunked" in fields else b"hello"
    reading = read(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n" + body)
    assert not reading.done
    reading.end()
    assert (reading.answer().body, reading.answer().complete) == (b"hello", complete)
    assert not reading.may_follow


@pytest.mark.parametrize(
    "whole",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_some_answers_are_a_connections_last(whole: bytes) -> None:
    reading = read(whole)
    assert reading.done
    assert not reading.may_follow


def test_a_tunnel_begins_behind_the_head_and_nothing_may_come_before_that() -> None:
    for version in (b"1.0", b"1.1"):
        reading = Reading(0, tunnel=True)
        reading.feed(b"HTTP/" + version + b" 200 Connection established\r\n\r\n")
        assert reading.done
        assert reading.may_follow
        reading.feed(b"x")
        assert not reading.may_follow

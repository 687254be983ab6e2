"""Cutting a stream into lines, wherever its chunks happen to end."""

import random

from waypost.messages.ndjson import Lines, NumberedLine


def cut(*chunks: bytes, most: int = 100) -> list[NumberedLine]:
    lines = Lines(most)
    return [line for chunk in chunks for line in lines.feed(chunk)] + lines.end()


def test_lines_are_numbered_from_one() -> None:
    assert cut(b"a\nb\n") == [NumberedLine(1, b"a"), NumberedLine(2, b"b")]


def test_the_last_line_needs_no_newline() -> None:
    assert cut(b"a\nb") == [NumberedLine(1, b"a"), NumberedLine(2, b"b")]
    assert cut(b"") == cut() == []


def test_blank_lines_count_and_give_nothing() -> None:
    assert cut(b"\n \r\na\n\n") == [NumberedLine(3, b"a")]
    assert cut(b"a\n  ") == [NumberedLine(1, b"a")]


def test_where_chunks_end_does_not_matter() -> None:
    text = b"first\nsecond\r\n\nfourth\n" + b"x" * 50 + b"\nlast"
    whole = cut(text)
    draw = random.Random(3)
    for _ in range(200):
        places = sorted(draw.choices(range(len(text) + 1), k=draw.randint(0, 12)))
        chunks = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
        assert cut(*chunks) == whole


def test_a_line_that_is_too_long_is_let_go_and_the_next_one_is_not() -> None:
    exact, longer = b"x" * 10, b"x" * 11
    assert cut(exact + b"\n" + longer + b"\nb\n", most=10) == [
        NumberedLine(1, exact),
        NumberedLine(2, None),
        NumberedLine(3, b"b"),
    ]
    assert cut(b"x" * 6, b"x" * 6, b"x" * 6, b"\nb", most=10) == [NumberedLine(1, None), NumberedLine(2, b"b")]
    assert cut(longer, most=10) == [NumberedLine(1, None)]

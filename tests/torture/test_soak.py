"""What a soak says of growth."""

import os

import pytest

from torture.curves import Curve, curves
from torture.soak import Sample, Soaked, table
from torture.vitals import descriptors, memory_mb


def soaked(memory: list[float], descriptors: list[int], rows: list[int]) -> Soaked:
    samples = [
        Sample(float(at), mb, count, {"log": row}, at, 100.0, at * 10)
        for at, (mb, count, row) in enumerate(zip(memory, descriptors, rows, strict=True))
    ]
    return Soaked("sqlite", tuple(samples), (), 1000, float(len(samples)))


IN_USE = [30, 45, 33, 45, 38, 45, 31, 34, 33, 45, 44, 45]
FLAT, ROWS, FILES = [100.0] * 12, [500] * 12, [40] * 12


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (soaked(FLAT, FILES, ROWS), []),
        (soaked([50.0, 70.0, 90.0, 99.0, *FLAT[4:]], FILES, ROWS), []),  # it becomes warm
        (soaked([100.0 + 3 * at for at in range(12)], FILES, ROWS), ["memory grew by"]),
        (soaked(FLAT, [40 + at for at in range(12)], ROWS), ["file descriptors, the most grew by"]),
        (
            soaked(FLAT, IN_USE, ROWS),
            [],
        ),  # more are in use at one time than at another, and never more than could be
        (
            soaked(FLAT, [count + at for at, count in enumerate(IN_USE)], ROWS),
            ["file descriptors, the most grew by"],
        ),
        (soaked(FLAT, FILES, [500 + 100 * at for at in range(12)]), ["rows, but for the senders' keys grew by"]),
    ],
)
def test_growth_is_told(found: Soaked, words: list[str]) -> None:
    assert [each[: len(word)] for each, word in zip(found.broken, words, strict=True)] == words


def test_the_table_has_the_plain_numbers() -> None:
    assert "| memory | 1.000 | ≤ 1.05 | 100 → 100 MB |" in table(soaked(FLAT, FILES, ROWS)).splitlines()


def test_a_process_is_measured_from_outside() -> None:
    assert memory_mb(os.getpid()) > 1
    with open(os.devnull) as _:
        assert descriptors(os.getpid()) >= 0


def test_curves_are_a_picture() -> None:
    drawn = curves("A <title>", [Curve("memory", [(0, 1.0), (1, 2.0)]), Curve("nothing", [])])
    assert drawn.startswith("<svg")
    assert "A &lt;title&gt;" in drawn
    assert drawn.count("<polyline") == 2

"""Live numbers: one look for all who watch, told when something changes, over when the sign-in is."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.responses import StreamingResponse

from tests.support.house import House
from tests.support.visitor import Visitor, watching
from tests.support.waiting import until
from waypost.dashboard.visits.live import MOST_A_SESSION, Fragments, Live, event
from waypost.errors import Unavailable
from waypost.users import memberships


class Board:
    """Something to look at; counts how often it was."""

    def __init__(self) -> None:
        self.number = 0
        self.looks = 0
        self.fails = False
        self.looked = asyncio.Event()

    async def poll(self) -> Fragments:
        self.looks += 1
        self.looked.set()
        if self.fails:
            raise Unavailable("The store is away.")
        return {"number": f'<p id="number">{self.number}</p>', "still": '<p id="still"></p>'}


class Viewer:
    """One stream, read line by line as a browser would."""

    def __init__(self, live: Live, board: Board, *, session: str = "ann", key: str = "board") -> None:
        self.is_signed_in = True

        async def alive() -> bool:
            return self.is_signed_in

        response = live.stream(session=session, key=key, poll=board.poll, alive=alive)
        assert isinstance(response, StreamingResponse)
        self.stream: AsyncIterator[bytes] = response.body_iterator  # type: ignore[assignment]

    async def next_event(self) -> str:
        async for data in self.stream:
            if data.startswith(b"data:"):
                return data.decode()
        return ""

    async def close(self) -> None:
        await self.stream.aclose()  # type: ignore[attr-defined]


@pytest.fixture
def live() -> Live:
    return Live(every_seconds=0.005, check_seconds=0.05, most=20)


async def test_viewers_are_told_of_what_has_changed_and_of_nothing_else(live: Live) -> None:
    board = Board()
    viewer = Viewer(live, board)
    first = await viewer.next_event()
    assert "#number" in first
    assert "#still" in first
    board.number = 1
    second = await viewer.next_event()
    assert '<p id="number">1</p>' in second
    assert "#still" not in second
    await viewer.close()


async def test_all_viewers_share_one_look(live: Live) -> None:
    board = Board()
    viewers = [Viewer(live, board, session=f"person {number}") for number in range(10)]
    await asyncio.gather(*(viewer.next_event() for viewer in viewers))
    looks = board.looks
    board.number = 1
    await asyncio.gather(*(viewer.next_event() for viewer in viewers))
    assert board.looks - looks < 10
    for viewer in viewers:
        await viewer.close()
    assert live.streams == 0


async def test_nobody_looks_when_nobody_watches(live: Live) -> None:
    board = Board()
    viewer = Viewer(live, board)
    await viewer.next_event()
    await viewer.close()
    looks = board.looks
    elsewhere = Board()
    other = Viewer(live, elsewhere, key="another")
    for elsewhere.number in range(5):
        await other.next_event()
    await other.close()
    assert elsewhere.looks >= 5
    assert board.looks == looks


async def test_a_stream_ends_with_the_sign_in(live: Live) -> None:
    viewer = Viewer(live, Board())
    await viewer.next_event()
    viewer.is_signed_in = False
    assert await viewer.next_event() == ""
    assert live.streams == 0


async def test_streams_end_when_the_server_stops_and_none_begins_afterwards(live: Live) -> None:
    viewer = Viewer(live, Board())
    await viewer.next_event()
    live.stop()
    assert await viewer.next_event() == ""
    with pytest.raises(Unavailable):
        Viewer(live, Board())


async def test_a_store_that_is_away_leaves_the_numbers_as_they_were(live: Live) -> None:
    board = Board()
    viewer = Viewer(live, board)
    await viewer.next_event()
    board.fails = True
    board.number = 1
    for _ in range(3):
        board.looked.clear()
        await board.looked.wait()
    board.fails = False
    assert '<p id="number">1</p>' in await viewer.next_event()
    await viewer.close()


async def test_streams_are_bounded_for_a_sign_in_and_in_all(live: Live) -> None:
    board = Board()
    mine = [Viewer(live, board) for _ in range(MOST_A_SESSION)]
    await asyncio.gather(*(viewer.next_event() for viewer in mine))
    with pytest.raises(Unavailable):
        Viewer(live, board)
    others = [Viewer(live, board, session=f"person {number}") for number in range(20 - MOST_A_SESSION)]
    await asyncio.gather(*(viewer.next_event() for viewer in others))
    with pytest.raises(Unavailable):
        Viewer(live, board, session="somebody else")
    for viewer in [*mine, *others]:
        await viewer.close()
    late = Viewer(live, board)
    await late.next_event()
    await late.close()


def test_an_event_is_a_partial_for_each_element_on_data_lines() -> None:
    made = event({"a": "<p>\r\none</p>", "b": "two"}).decode()
    lines = made.removesuffix("\n\n").split("\n")
    assert all(line.startswith("data: ") for line in lines)
    assert "".join(line.removeprefix("data: ") for line in lines) == (
        '<hx-partial hx-target="#a" hx-swap="outerMorph"><p>one</p></hx-partial>'
        '<hx-partial hx-target="#b" hx-swap="outerMorph">two</hx-partial>'
    )


def test_the_overview_is_streamed_until_the_role_is_lost(quiet: House) -> None:
    bob = Visitor(quiet, "support")
    quiet.waypost.faces.live.check_seconds = 0.1
    client_id = quiet.household.clients["support"]
    with watching(bob, f"{bob.home}/live") as lines:
        until(lambda: b"#status" in b"".join(lines), "the overview's coming")
        bob_himself = quiet.read(lambda tx: memberships.principal(tx, client_id))
        assert bob_himself is not None
        environment_id = quiet.environments["Development"]
        quiet.write(lambda tx: memberships.unassign(tx, environment_id, bob_himself.id))
        until(lambda: lines[-1] == b"", "the stream's end")
    until(lambda: quiet.waypost.faces.live.streams == 0, "the stream's being forgotten")


def test_a_stream_that_nobody_may_see_tells_htmx_to_sign_in(quiet: House) -> None:
    page = Visitor(quiet, None).get(f"{Visitor(quiet).home}/live", headers={"hx-request": "true"})
    assert page.headers["hx-redirect"] == "/dashboard/sign-in"
    assert page.html == ""


def test_streams_do_not_keep_the_server_from_stopping(tmp_path: Path) -> None:
    with House(tmp_path, deliver=False) as house:
        bob = Visitor(house, "viewer")
        with watching(bob, f"{bob.home}/live") as lines:
            until(lambda: b"#status" in b"".join(lines), "the overview's coming")
            house.waypost.faces.live.stop()
            until(lambda: lines[-1] == b"", "the stream's end")

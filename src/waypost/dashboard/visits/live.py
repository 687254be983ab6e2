"""Numbers that move by themselves: server-sent events, made once for all who look at the same thing.

A page names what it shows by a key (`overview <environment>`) and gives a function that makes its fragments:
HTML by element id. While anybody looks, that function is called every few seconds, once for all of them, and each
viewer is sent what has changed. So it must make what every viewer may see: no buttons, no bodies.

A stream ends when the sign-in ends, when the server stops, and when the browser goes. How many there are is
bounded; who is one too many is told to come back later.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog
from starlette.responses import Response, StreamingResponse

from waypost.errors import Unavailable, WaypostError

EVERY_SECONDS = 2.0
CHECK_SECONDS = 5.0
"""How often a viewer's sign-in is looked at again, and the connection is given a sign of life."""
MOST = 256
MOST_A_SESSION = 8

Fragments = Mapping[str, str]
"""HTML by the id of the element that it replaces; the element itself, with that id."""

Poll = Callable[[], Awaitable[Fragments]]
Alive = Callable[[], Awaitable[bool]]

log = structlog.get_logger("waypost.dashboard")


@dataclass(slots=True)
class _Channel:
    """What all viewers of one key share: the newest fragments, and an event that is replaced by each change."""

    fragments: Fragments = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    viewers: int = 0
    polling: asyncio.Task[None] | None = None


class Live:
    """The streams of this process. For the event loop's thread."""

    def __init__(
        self, *, every_seconds: float = EVERY_SECONDS, check_seconds: float = CHECK_SECONDS, most: int = MOST
    ) -> None:
        self.every_seconds = every_seconds
        self.check_seconds = check_seconds
        self._most = most
        self._channels: dict[str, _Channel] = {}
        self._of_session: Counter[str] = Counter()
        self._stopped = asyncio.Event()

    @property
    def streams(self) -> int:
        """How many there are now."""
        return self._of_session.total()

    def stream(
        self, *, session: str, key: str, poll: Poll, alive: Alive, every_seconds: float | None = None
    ) -> Response:
        """Server-sent events of the fragments. Raises Unavailable when there are too many streams.

        `every_seconds` is how often the first viewer of a key wants to be told; the others go along.
        """
        if self._stopped.is_set() or self.streams >= self._most or self._of_session[session] >= MOST_A_SESSION:
            raise Unavailable(
                "Too many pages are shown live at once; close some of them.", code="too_many_streams"
            )
        made = self._sent(session, key, poll, alive, every_seconds or self.every_seconds)
        return StreamingResponse(made, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    def stop(self) -> None:
        """End every stream, now; a new one is refused."""
        self._stopped.set()
        for channel in self._channels.values():
            channel.changed.set()

    async def _sent(self, session: str, key: str, poll: Poll, alive: Alive, every: float) -> AsyncIterator[bytes]:
        channel = self._join(key, poll, every)
        self._of_session[session] += 1
        seen: dict[str, str] = {}
        try:
            yield b": welcome\n\n"
            while not self._stopped.is_set() and await alive():
                end = asyncio.get_running_loop().time() + self.check_seconds
                while not self._stopped.is_set():
                    changed = channel.changed
                    news = {name: html for name, html in channel.fragments.items() if seen.get(name) != html}
                    if news:
                        seen |= news
                        yield event(news)
                    try:
                        async with asyncio.timeout_at(end):
                            await changed.wait()
                    except TimeoutError:
                        break
                yield b": still here\n\n"
        finally:
            self._of_session[session] -= 1
            self._of_session += Counter()  # drops those that are nought
            self._leave(key, channel)

    def _join(self, key: str, poll: Poll, every: float) -> _Channel:
        channel = self._channels.setdefault(key, _Channel())
        channel.viewers += 1
        if channel.polling is None:
            channel.polling = asyncio.create_task(self._poll(channel, poll, every))
        return channel

    def _leave(self, key: str, channel: _Channel) -> None:
        channel.viewers -= 1
        if channel.viewers == 0:
            if channel.polling is not None:
                channel.polling.cancel()
            if self._channels.get(key) is channel:
                del self._channels[key]

    async def _poll(self, channel: _Channel, poll: Poll, every: float) -> None:
        """Look again and again; a store that is away for a while only leaves the numbers as they were."""
        while True:
            try:
                found = await poll()
            except WaypostError:
                found = channel.fragments
            except Exception as error:  # a fault of ours must not freeze the page for ever
                log.error("live.failed", exc_info=error)
                found = channel.fragments
            if found != channel.fragments:
                channel.fragments = found
                told, channel.changed = channel.changed, asyncio.Event()
                told.set()
            await asyncio.sleep(every)


def event(fragments: Fragments) -> bytes:
    """One event that puts each fragment in the place of the element with its id, as htmx's partials do."""
    html = "".join(
        f'<hx-partial hx-target="#{name}" hx-swap="outerMorph">{made}</hx-partial>'
        for name, made in fragments.items()
    )
    return "".join(f"data: {line}\n" for line in html.replace("\r", "").split("\n")).encode() + b"\n"

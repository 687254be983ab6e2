"""The network between nodes and database, and between workers and receivers: cut, silent, slow, narrow, torn.

A node that is cut off from the database for longer than its lease stops delivering what is no longer its own.
"""

import random
import time
from contextlib import ExitStack
from pathlib import Path

from crash.load import Load
from crash.stage import Stage
from torture import nodes
from torture.proxy import CUT, PASS, SWALLOW, Proxy, Way
from torture.trial import Fault, Make, Setting

LEASE_SECONDS = 10
LAST_SECONDS = 1.0
"""An attempt that began under the lease may end a little after it."""
BACK_SECONDS = 60
TIME_LIMIT_SECONDS = 2
CUT_OFF = 3
"""The node that is cut off alone: a worker."""


def faults() -> list[Fault]:
    """All of them."""
    return [
        Fault("database cut off", "postgresql", 3, 1, _all_nodes(CUT)),
        Fault("database silent", "postgresql", 12, 1, _all_nodes(SWALLOW)),
        Fault("database far away: 20 ms", "postgresql", 5, 0, _all_nodes(Way(delay=0.01))),
        Fault("one worker cut off", "postgresql", LEASE_SECONDS + 5, 1, _one_worker(CUT)),
        Fault("one worker in silence", "postgresql", LEASE_SECONDS + 5, 1, _one_worker(SWALLOW)),
        Fault("receivers cut off", "sqlite", 3, 0, _receivers(CUT)),
        Fault("receivers silent", "sqlite", 5, 1, _receivers(SWALLOW)),
        Fault("receivers far away: 200 ms", "sqlite", 5, 0, _receivers(Way(delay=0.1))),
        Fault("receivers on a narrow line: 4 kB/s", "sqlite", 5, 1, _receivers(Way(rate=4_000))),
        Fault("exchanges torn half-way", "sqlite", 5, 0, _receivers(Way(reset_after=2_500))),
    ]


def _all_nodes(way: Way) -> Make:
    def make(place: Path, stack: ExitStack, draw: random.Random) -> Setting:
        proxies, stage = _behind_proxies(place, stack)

        def become(new: Way) -> None:
            for proxy in proxies:
                proxy.become(new)

        def inject(_: Load) -> str:
            become(way)
            return "every node"

        return Setting(stage, inject, lambda _: become(PASS))

    return make


def _one_worker(way: Way) -> Make:
    def make(place: Path, stack: ExitStack, draw: random.Random) -> Setting:
        proxies, stage = _behind_proxies(place, stack)
        alone = _CutOff(proxies[CUT_OFF], way)
        return Setting(stage, alone.inject, alone.heal, again=alone.again, notes=alone.notes)

    return make


class _CutOff:
    """One worker without its database: how long it went on delivering, and when it did so again."""

    def __init__(self, proxy: Proxy, way: Way) -> None:
        self._proxy, self._way = proxy, way
        self._at = self._healed = 0.0
        self._went_on: list[float] = []
        self._back: list[float] = []

    def inject(self, load: Load) -> str:
        self._wait_for_it(load, time.monotonic())
        self._at = time.monotonic()
        self._proxy.become(self._way)
        return "one worker of two"

    def heal(self, load: Load) -> None:
        went_on = load.traffic.lately().get(nodes.name_of(CUT_OFF), 0.0) - self._at
        self._went_on.append(max(0.0, went_on))
        self._healed = time.monotonic()
        self._proxy.become(PASS)
        if went_on > LEASE_SECONDS + LAST_SECONDS:
            raise TimeoutError(f"a worker went on delivering for {went_on:.1f} s without its database")

    def again(self, load: Load) -> None:
        self._wait_for_it(load, self._healed)
        self._back.append(time.monotonic() - self._healed)

    def notes(self) -> list[str]:
        return [
            f"the worker that was cut off went on for {max(self._went_on, default=0):.1f} s at most"
            f" (its lease is {LEASE_SECONDS} s), and delivered again {max(self._back, default=0):.1f} s after"
        ]

    @staticmethod
    def _wait_for_it(load: Load, since: float) -> None:
        """Until the worker has delivered after that moment: it has its share."""
        end = time.monotonic() + BACK_SECONDS
        while load.traffic.lately().get(nodes.name_of(CUT_OFF), 0.0) <= since:
            if time.monotonic() > end:
                raise TimeoutError(f"a worker did not deliver again within {BACK_SECONDS} s")
            load.wait(0.2)


def _behind_proxies(place: Path, stack: ExitStack) -> tuple[list[Proxy], Stage]:
    """A node each behind a proxy of its own to the database."""
    database = nodes.database(place, stack)
    proxies = [stack.enter_context(Proxy(database.port)) for _ in nodes.ROLES]
    urls = [database.url("postgres").replace(str(database.port), str(proxy.port)) for proxy in proxies]
    return proxies, nodes.several(place, stack, urls)


def _receivers(way: Way) -> Make:
    def make(place: Path, stack: ExitStack, draw: random.Random) -> Setting:
        stage = nodes.one(place, stack)
        line = Proxy(0, seed=draw.randrange(10**6))
        stack.enter_context(line)

        def through(port: int) -> int:
            line.aim(port)
            return line.port

        def inject(_: Load) -> str:
            line.become(way)
            return "every receiver"

        return Setting(
            stage, inject, lambda _: line.become(PASS),
            through=through, broken=lambda: line.broken, time_limit=TIME_LIMIT_SECONDS,
        )  # fmt: skip

    return make

"""The bench's server, a process of its own: Waypost as `waypost serve` runs it, and one empty route beside.

What the rounds need of its inside they ask for here: filling queues, delivering and resting, commits without HTTP.
"""

import asyncio
import resource
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench import messages, raw
from bench.gate import Gate
from bench.keeping import Keeping, MovedClock
from bench.month import Month
from bench.population import Population
from bench.processes import obey
from waypost import access, logging, settings
from waypost.app import Waypost, calm_collector, opened
from waypost.cli.keypairs import keyfiles
from waypost.cli.serving.server import Server, config
from waypost.dashboard.visits import cookies
from waypost.db.database import Tx
from waypost.folder import Folder
from waypost.ids import new_id, new_secret
from waypost.messages import model
from waypost.queues.model import Accept, Addressee
from waypost.sessions.model import SignedIn
from waypost.tokens import assertion
from waypost.web.routes import callers

EMPTY = "/bench/empty"
BACKLOG = 2048
FILLERS = 64

OPERATOR = access.operator("bench")
HERE = "127.0.0.1"


class Commands:
    """The commands. `prepare` comes first."""

    def __init__(self, waypost: Waypost, environment_id: str, folder: Folder, audience: str) -> None:
        self._waypost = waypost
        self._environment_id = environment_id
        self._user = keyfiles.of_user(folder, None)
        self._audience = audience
        self._pair = keyfiles.new_pair()
        self._client_id = ""
        self._source_id = ""
        self._queues: list[tuple[str, str]] = []
        self._inserted = 0

    async def prepare(self, *, queues: int, url: str) -> dict[str, Any]:
        """A source with its key, and so many destinations at that URL, each with a queue."""
        waypost, environment_id = self._waypost, self._environment_id
        key = await waypost.people.apikeys.add(OPERATOR, environment_id, "bench", self._pair.jwks["keys"][0])
        source = await waypost.configuration.sources.create(OPERATOR, environment_id, {"name": "bench"})
        self._client_id, self._source_id = key.id, source.id
        self._queues = await asyncio.gather(*(self._queue(number, url) for number in range(queues)))
        return {"source": source.id, "destinations": [destination_id for _, destination_id in self._queues]}

    async def tokens(self) -> dict[str, str]:
        """Fresh access tokens of the user, and of the source if there is one."""
        user = self._user
        found = {"user": await self._token(user.privateKey, user.clientId)}
        if self._client_id:
            found["source"] = await self._token(self._pair.private, self._client_id)
        return found

    async def cookie(self) -> dict[str, str]:
        """The `Cookie` header of the user, who signs in to the dashboard."""
        waypost, [person, *_] = self._waypost, await self._waypost.people.users.list_all(OPERATOR)
        made = await waypost.people.invitations.invite(OPERATOR, person.user.email)
        password = new_secret()
        await waypost.people.invitations.accept(made.token, password, ip=HERE)
        entered = await waypost.people.sessions.sign_in(person.user.email, password, ip=HERE)
        assert isinstance(entered, SignedIn)  # noqa: S101 - nobody asks for codes on loopback
        return {"cookie": f"{cookies.SESSION}={entered.cookie}"}

    async def fill(self, *, count: int, queues: int) -> None:
        """Accept so many messages into the first so many queues, evenly, as `/endpoint` would."""
        left = iter(range(count))

        async def accept() -> None:
            for number in left:
                _, destination_id = self._queues[number % queues]
                body = messages.numbered(self._source_id, destination_id, number)
                await self._waypost.engine.intake.accept(self._environment_id, body)

        await asyncio.gather(*(accept() for _ in range(FILLERS)))

    async def deliver(self) -> float:
        """Begin to deliver; the moment just before."""
        began = time.monotonic()
        await self._waypost.engine.worker.start()
        return began

    async def rest(self, *, within_seconds: float = 30) -> None:
        """Stop delivering; what is in flight ends and is recorded first, if it does so in time."""
        await self._waypost.engine.worker.stop(within_seconds=within_seconds)

    async def aim(self, *, destination: str, url: str) -> None:
        """Let a destination lead elsewhere."""
        await self._waypost.configuration.destinations.update(OPERATOR, destination, {"endpoint": url})

    async def used(self) -> dict[str, float]:
        """What this process has used so far: seconds of the processor; the most memory at a time, in MB."""
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        unit = 1 if sys.platform == "darwin" else 1024
        # Not `getrusage`'s seconds: where the kernel counts in ticks, little work would have taken none.
        return {"seconds": time.process_time(), "MB": most * unit / 1e6}

    async def commit(self, *, count: int, at_once: int) -> dict[str, float]:
        """Make so many sealed messages durable without HTTP, `at_once` waiting at a time; in how long."""
        await self._waypost.ground.vault.prepare(self._environment_id)
        left = iter([self._sealed(number) for number in range(count)])
        began = time.monotonic()

        async def write() -> None:
            for given in left:
                await self._waypost.ground.db.write(self._accepting(given))

        await asyncio.gather(*(write() for _ in range(at_once)))
        return {"done": count, "seconds": time.monotonic() - began}

    async def insert(self, *, count: int, rows: int, at_once: int) -> dict[str, float]:
        """Write the rows of so many sealed messages, `rows` messages a transaction, by bare inserts."""
        await self._waypost.ground.vault.prepare(self._environment_id)
        made = [self._sealed(number) for number in range(count)]
        start = self._inserted
        self._inserted += count
        portions = [raw.Rows(made[at : at + rows], start + at) for at in range(0, count, rows)]
        left = iter(portions)
        began = time.monotonic()

        async def write() -> None:
            for portion in left:
                await self._waypost.ground.db.write(portion.insert)

        await asyncio.gather(*(write() for _ in range(at_once)))
        return {"done": count, "seconds": time.monotonic() - began}

    async def _queue(self, number: int, url: str) -> tuple[str, str]:
        """A destination and its subscription: the queue's id and the destination's."""
        waypost, environment_id = self._waypost, self._environment_id
        receiver = {"name": f"Receiver {number}", "endpoint": url, "verificationToken": "bench"}
        made = await waypost.configuration.destinations.create(OPERATOR, environment_id, receiver)
        ends = {"source": {"id": self._source_id}, "destination": {"id": made.id}}
        rule = {**ends, "dataModel": messages.DATA_MODEL}
        subscription = await waypost.configuration.subscriptions.create(OPERATOR, environment_id, rule)
        return subscription.id, made.id

    async def _token(self, private_jwk: dict[str, Any], client_id: str) -> str:
        now = self._waypost.ground.clock.now_ms() // 1000
        times = {"iat": now, "exp": now + assertion.LIFE_SECONDS}
        signed = assertion.assertion(private_jwk, client_id, self._audience, **times)
        return (await self._waypost.people.tokens.exchange(assertion.form(signed))).access_token

    def _accepting(self, given: Accept) -> Callable[[Tx], object]:
        return lambda tx: self._waypost.ground.hot.accept(tx, given)

    def _sealed(self, number: int) -> Accept:
        """What intake gives the store for a message."""
        queue_id, destination_id = self._queues[number % len(self._queues)]
        message = model.read(messages.numbered(self._source_id, destination_id, number))
        message_id, vault = new_id(), self._waypost.ground.vault
        return Accept(
            message_id=message_id,
            environment_id=self._environment_id,
            source_id=self._source_id,
            data_model=message.data_model,
            event_type=message.event_type,
            facility_code=message.facility_code,
            body=vault.seal(self._environment_id, message.body, table="message", row=message_id),
            meta_start=message.meta_start,
            meta_end=message.meta_end,
            now_ms=self._waypost.ground.clock.now_ms(),
            addressees=(Addressee(new_id(), queue_id, queue_id, destination_id),),
        )


async def _empty(request: Request) -> Response:
    """Who calls is found out as on `/endpoint`; the body is not even read."""
    await callers.source(request)
    return Response(b"{}", media_type="application/json")


async def _run(folder: Path, environment_id: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
        port = listener.getsockname()[1]
        clock = MovedClock()
        async with opened(settings.load(data=folder), clock=clock) as waypost:
            calm_collector()
            waypost.ground.whereabouts.bound("127.0.0.1", port, tls=False)
            waypost.faces.http.router.routes.insert(1, Route(EMPTY, _empty, methods=["POST"]))
            audience = f"http://127.0.0.1:{port}/v2/auth/token"
            commands = Commands(waypost, environment_id, Folder(folder), audience)
            population = Population(waypost, environment_id)
            gate, keeping = Gate(waypost), Keeping(waypost, clock)
            server = Server(config(waypost.faces.http), lambda: None)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            await obey(
                {"port": port, "empty": EMPTY},
                {
                    "prepare": commands.prepare,
                    "tokens": commands.tokens,
                    "cookie": commands.cookie,
                    "fill": commands.fill,
                    "deliver": commands.deliver,
                    "rest": commands.rest,
                    "commit": commands.commit,
                    "insert": commands.insert,
                    "aim": commands.aim,
                    "used": commands.used,
                    "populate": population.populate,
                    "refill": population.refill,
                    "claim": population.claim,
                    "month": Month(waypost, environment_id).make,
                    "hold": gate.hold,
                    "release": gate.release,
                    "shared": gate.shared,
                    "move": keeping.move,
                    "retain": keeping.retain,
                    "stored": keeping.stored,
                },
            )
            server.should_exit = True
            await serving


if __name__ == "__main__":
    logging.configure()
    uvloop.run(_run(Path(sys.argv[1]), sys.argv[2]))

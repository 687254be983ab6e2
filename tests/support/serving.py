"""An application served over real HTTP, by uvicorn in a thread, and a client for it."""

import asyncio
import http.client
import json
import socket
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from tests.support.sharing import forget_applications

START_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def payload(self) -> Any:
        return self.json["payload"]

    @property
    def faults(self) -> list[tuple[str, str]]:
        """Pointer and code of each fault of a problem document."""
        return [(fault["pointer"], fault["code"]) for fault in self.json.get("errors", [])]


class Client:
    """Calls a server on loopback; a body that is not bytes goes as JSON."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.port = port
        self.token = token
        self.base = f"http://127.0.0.1:{port}"

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 60,
    ) -> Answer:
        sent = {"accept": "application/json"}
        bearer = self.token if token is None else token
        if bearer:
            sent["authorization"] = f"Bearer {bearer}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            sent["content-type"] = "application/json"
        sent |= headers or {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            got = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, got, answer.read())
        finally:
            connection.close()


class Server(uvicorn.Server):
    """uvicorn as it is, but told of its end by an event: by itself it looks each tenth of a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._ending = asyncio.Event()

    async def main_loop(self) -> None:
        """Serve until `end`."""
        await self.on_tick(0)
        self.ready.set()
        await self._ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let answers in hand end, then close."""
        if not self.server_state.connections and not self.server_state.tasks:
            for server in self.servers:
                server.close()
            return
        await super().shutdown(sockets)

    def end(self) -> None:
        """Stop serving; in the server's own loop."""
        self._ending.set()


class Serving(AbstractContextManager["Serving"]):
    """`with Serving(app) as served: served.client("GET", "/…")`; `http` is uvicorn's protocol or ours."""

    def __init__(self, app: ASGIApp, http: Any = "auto") -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(app, http=http, log_config=None, lifespan="off", access_log=False)
        self._server = Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self.client = Client(self.port)

    def __enter__(self) -> "Serving":
        self._thread.start()
        if not self._server.ready.wait(START_SECONDS):
            raise RuntimeError("the application did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.end)
        self._thread.join(10)
        forget_applications()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._socket])

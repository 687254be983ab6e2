"""The bench's processes and how they talk: a JSON line in, a JSON line out, one command at a time.

Whoever runs the rounds holds a `Child` of each; the child calls `obey`, which ends when its input ends.
"""

import asyncio
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import IO, Any

from waypost.demo.server import environment

ROOT = Path(__file__).parents[1]
READY_SECONDS = 60
ANSWER_SECONDS = 300
STOP_SECONDS = 40

Command = Callable[..., Awaitable[Any]]
"""What a child can do: keyword arguments and the result are JSON."""


class BenchFailed(Exception):
    """Something did not go as the bench needs it to; the text says what."""


class Child(AbstractContextManager["Child"]):
    """`python -m module arguments…`; `with` starts and ends it. `hello` is what it said first.

    `environment` is beside what every process of the demo has. With a `command` that is run in its place, and
    `module` is only what it is called.
    """

    def __init__(
        self, module: str, *arguments: str, log: Path, environment: Mapping[str, str] | None = None,
        command: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._module = module
        self._environment = environment or {}
        self._command = command or [sys.executable, "-m", module, *arguments]
        self._log = log
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._process: subprocess.Popen[str] | None = None
        self.hello: Any = None

    def __enter__(self) -> "Child":
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the bench alone, which then ends the others.
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                self._command, cwd=ROOT, text=True,
                env={**environment(), **self._environment},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._listener = threading.Thread(target=_listen, args=(self._process.stdout, self._said), daemon=True)
        self._listener.start()
        try:
            self.hello = self._answer(READY_SECONDS)
        except BaseException as error:
            self.__exit__(error)
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return
        if any(raised):  # what it is doing is of no use any more
            process.kill()
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._listener.join()
        process.stdout.close()

    def ask(self, command: str, **params: Any) -> Any:
        """Have it done, and give the result. Raises BenchFailed."""
        if self._process is None or self._process.stdin is None:
            raise BenchFailed(f"{self._module} does not run.")
        try:
            self._process.stdin.write(json.dumps({"command": command, "params": params}) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise BenchFailed(self._last_words("ended by itself")) from None
        return self._answer(ANSWER_SECONDS)

    def _answer(self, seconds: float) -> Any:
        try:
            line = self._said.get(timeout=seconds)
        except queue.Empty:
            raise BenchFailed(self._last_words(f"did not answer within {seconds:.0f} s")) from None
        if not line:
            raise BenchFailed(self._last_words("ended by itself"))
        said = json.loads(line)
        if "error" in said:
            raise BenchFailed(f"{self._module}: {said['error']}")
        return said["result"]

    def _last_words(self, what: str) -> str:
        return f"{self._module} {what}. {self._log.read_text(errors='replace').strip()[-600:]}"


async def obey(hello: Any, commands: Mapping[str, Command]) -> None:
    """In the child: say hello, then do each command that comes in, until nobody can ask any more."""
    _say({"result": hello})
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        try:
            _say({"result": await commands[asked["command"]](**asked["params"])})
        except Exception as error:  # told to whoever asked, who ends the bench
            _say({"error": f"{asked['command']}: {type(error).__name__}: {error}"})


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


def _listen(stdout: IO[str] | None, said: "queue.SimpleQueue[str]") -> None:
    """Every line, and an empty one for the end."""
    for line in stdout or ():
        said.put(line)
    said.put("")

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from waypost.cli.control import session
from waypost.cli.control import socket as control
from waypost.cli.terminal.output import Failure
from waypost.folder import Folder


async def echo(command: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"command": command, **params}


async def test_a_command_and_its_result_pass_through_the_socket(tmp_path: Path) -> None:
    folder = Folder(tmp_path)

    async with control.listening(folder, echo):
        result = await asyncio.to_thread(session.ask, folder, "users add", {"name": "Ünal"})

    assert result == {"command": "users add", "name": "Ünal"}


async def test_an_expected_fault_comes_back_in_words(tmp_path: Path) -> None:
    async def refuse(_: str, __: dict[str, Any]) -> dict[str, Any]:
        raise Failure("There is no such user.")

    async with control.listening(Folder(tmp_path), refuse):
        with pytest.raises(Failure, match=r"There is no such user\."):
            await asyncio.to_thread(session.ask, Folder(tmp_path), "users remove", {})


async def test_a_surprise_tells_nothing_of_its_values_and_the_server_goes_on(tmp_path: Path) -> None:
    async def break_(command: str, params: dict[str, Any]) -> dict[str, Any]:
        if command == "break":
            raise RuntimeError("a secret")
        return await echo(command, params)

    async with control.listening(Folder(tmp_path), break_):
        with pytest.raises(Failure) as told:
            await asyncio.to_thread(session.ask, Folder(tmp_path), "break", {})
        assert "secret" not in str(told.value)
        assert await asyncio.to_thread(session.ask, Folder(tmp_path), "go on", {})


async def test_what_is_not_a_request_is_answered_too(tmp_path: Path) -> None:
    folder = Folder(tmp_path)

    def ask() -> Any:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(folder.control))
            connection.sendall(b"[]")
            connection.shutdown(socket.SHUT_WR)
            return json.loads(connection.makefile("rb").read())

    async with control.listening(folder, echo):
        assert set(await asyncio.to_thread(ask)) == {"error"}


async def test_the_socket_of_a_server_that_is_gone_is_replaced_and_taken_away(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder.control))

    async with control.listening(folder, echo):
        assert await asyncio.to_thread(session.ask, folder, "go on", {})

    assert not folder.control.exists()


def test_without_a_server_nobody_is_asked(tmp_path: Path) -> None:
    with pytest.raises(session.NoServer):
        session.ask(Folder(tmp_path), "users list", {})


async def test_a_command_at_work_ends_before_the_server_does(tmp_path: Path) -> None:
    folder, begun, go_on = Folder(tmp_path), asyncio.Event(), asyncio.Event()

    async def slow(command: str, params: dict[str, Any]) -> dict[str, Any]:
        begun.set()
        await go_on.wait()
        return await echo(command, params)

    async with control.listening(folder, slow):
        asking = asyncio.create_task(asyncio.to_thread(session.ask, folder, "backup", {}))
        await begun.wait()
        asyncio.get_running_loop().call_soon(go_on.set)

    assert (await asking)["command"] == "backup"

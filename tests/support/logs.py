"""Logs of a house: sending what ends in them, and waiting for what becomes of them."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from tests.support.house import House
from tests.support.waiting import until
from waypost.logs.store import attempt, log


def body(route: Mapping[str, Any], **members: Any) -> bytes:
    """A message for a subscription, with these members beside `Meta`."""
    meta = {
        "DataModel": "PatientAdmin", "EventType": "NewPatient",
        "Source": {"ID": route["source"]["id"]}, "Destinations": [{"ID": route["destination"]["id"]}],
    }  # fmt: skip
    return json.dumps({"Meta": meta, **members}).encode()


def send(house: House, route: Mapping[str, Any], **members: Any) -> str:
    """Send such a message; its log id."""
    answer = house.call("POST", "/endpoint", body(route, **members), by="source")
    assert answer.status == 200, answer.body
    return str(answer.json["Meta"]["Logs"][0]["ID"])


def send_many(house: House, route: Mapping[str, Any], number: int) -> list[str]:
    """Send so many in one request, numbered from 0 in `Patient.Number`; their log ids."""
    lines = b"\n".join(body(route, Patient={"Number": each}) for each in range(number))
    media_type = {"content-type": "application/x-ndjson"}
    answer = house.call("POST", "/waypost/v1/messages", lines, by="source", headers=media_type)
    return [json.loads(line)["Meta"]["Logs"][0]["ID"] for line in answer.body.splitlines()]


def row(house: House, log_id: str) -> sa.Row[Any]:
    """The log's row."""
    return house.read(lambda tx: tx.execute(sa.select(log).where(log.c.id == log_id)).one())


def until_state(house: House, log_id: str, state: str) -> sa.Row[Any]:
    """The log's row, once it is in that state."""
    until(lambda: row(house, log_id).state == state, f"log {state}")
    return row(house, log_id)


def until_attempts(house: House, log_id: str, number: int) -> None:
    """Wait until so many attempts are recorded."""
    query = sa.select(sa.func.count()).select_from(attempt).where(attempt.c.log_id == log_id)
    until(lambda: house.read(lambda tx: tx.scalar(query)) == number, f"{number} attempts")

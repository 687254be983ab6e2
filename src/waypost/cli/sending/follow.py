"""Showing logs until they end, and why a queue keeps them waiting: `waypost send --follow`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from waypost.cli.sending.remote import Remote
from waypost.cli.terminal.output import Failure

POLL_SECONDS = 0.5
MOST_QUEUES = 500


@dataclass(slots=True)
class _Followed:
    """A log, and what was last said of it."""

    id: str
    said: str = ""


def follow(platform: Remote, environment_id: str | None, log_ids: Sequence[str]) -> int:
    """Say what becomes of each log, until all have ended; how many ended otherwise than delivered."""
    organization_id = _organization(platform, environment_id)
    waiting, failed = [_Followed(log_id) for log_id in log_ids], 0
    while True:
        held = _held(platform, environment_id)
        left = []
        for one in waiting:
            log = _payload(platform, f"/platform/v1/organizations/{organization_id}/logs/{one.id}")["result"]
            if log["status"] == "pending":
                _say(one, "pending" + held.get(log["subscription"]["id"], ""))
                left.append(one)
            else:
                _say(one, _ended(log))
                failed += log["status"] != "succeeded"
        if not left:
            return failed
        waiting = left
        time.sleep(POLL_SECONDS)


def _ended(log: dict[str, Any]) -> str:
    total = log["attempts"]["total"]
    tries = "1 attempt" if total == 1 else f"{total} attempts"
    return f"{log['status']}, {tries}, destination {log['destination']['name'] or log['destination']['id']}"


def _held(platform: Remote, environment_id: str | None) -> dict[str, str]:
    """Why the queues that do not move do not, by subscription; held ones come first in the list."""
    path = f"/waypost/v1/environments/{quote(environment_id or '')}/queues?_count={MOST_QUEUES}"
    return {
        queue["subscription"]["id"]: f", its queue is {queue['state']}"
        + (f": {queue['reason']}" if queue["reason"] else "")
        for queue in _payload(platform, path)["queues"]
        if queue["state"] in {"held", "paused"}
    }


def _say(followed: _Followed, words: str) -> None:
    """Print what is new."""
    if words != followed.said:
        followed.said = words
        print(f"log {followed.id}: {words}", flush=True)


def _organization(platform: Remote, environment_id: str | None) -> int:
    """The organization that the environment belongs to. Raises Failure."""
    for organization in _payload(platform, "/platform/v1/organizations")["organizations"]:
        found = _payload(platform, f"/platform/v1/organizations/{organization['id']}/environments")
        if any(environment["id"] == environment_id for environment in found["environments"]):
            return int(organization["id"])
    raise Failure("The folder's first user has no role in the environment of this key: its logs cannot be shown.")


def _payload(platform: Remote, path: str) -> dict[str, Any]:
    answer = platform("GET", path)
    if answer.status != 200:
        raise Failure(f"The server answered {answer.status} to GET {path}: {answer.words}")
    payload: dict[str, Any] = answer.json["payload"]
    return payload

"""`waypost quotas …`: what one environment may take."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from waypost.cli.control import session
from waypost.cli.terminal.options import FOLDER, Data, Json
from waypost.cli.terminal.output import Failure, show

quotas = typer.Typer(no_args_is_help=True)

WORDS = {
    "messagesPerSecond": "messages a second",
    "pendingLogs": "logs that wait",
    "destinations": "destinations",
    "subscriptions": "subscriptions",
}


def _most(name: str, words: str) -> Any:
    return typer.Option(name, metavar="N|none", help=f"The most {words}; `none` bounds nothing.")


@quotas.callback()
def _several() -> None:
    """Quotas of an environment: set, list."""


@quotas.command("set")
def change(
    environment_id: Annotated[str, typer.Argument(metavar="ENVIRONMENT_ID", show_default=False)],
    messages_per_second: Annotated[
        str | None, _most("--messages-per-second", "messages that each node accepts in a second")
    ] = None,
    pending_logs: Annotated[str | None, _most("--pending-logs", "logs that wait for delivery")] = None,
    destinations: Annotated[str | None, _most("--destinations", "destinations")] = None,
    subscriptions: Annotated[str | None, _most("--subscriptions", "subscriptions")] = None,
    data: Data = FOLDER,
    as_json: Json = False,
) -> None:
    """Set what an environment may take; what is not named stays as it is."""
    named = {
        "messagesPerSecond": messages_per_second,
        "pendingLogs": pending_logs,
        "destinations": destinations,
        "subscriptions": subscriptions,
    }
    given = {name: _number(name, value) for name, value in named.items() if value is not None}
    if not given:
        raise Failure("Name at least one quota; see: waypost quotas set --help")
    result = session.perform(data, "quotas set", {"environment": environment_id, "quotas": given})
    show(result, as_json=as_json, text=[_line(environment_id, result["quotas"])])


@quotas.command("list")
def every(data: Data = FOLDER, as_json: Json = False) -> None:
    """List the environments that have quotas."""
    result = session.perform(data, "quotas list", {})
    lines = [_line(each["id"], each["quotas"]) for each in result["environments"]]
    show(result, as_json=as_json, text=lines or ["No environment has a quota."])


def _number(name: str, value: str) -> int | None:
    if value == "none":
        return None
    if not value.isascii() or not value.isdigit():
        raise Failure(f"{name} takes a whole number, or `none`.")
    return int(value)


def _line(environment_id: str, shown: Mapping[str, int | None]) -> str:
    parts = [f"{shown[name]} {words}" for name, words in WORDS.items() if shown[name] is not None]
    return f"{environment_id}: {', '.join(parts) or 'no quota'}"

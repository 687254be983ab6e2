"""How a producer is told what to do: a JSON line in, a JSON line out, one command at a time."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

MARK = "00000000"


def obey(commands: Mapping[str, Callable[..., Any]]) -> None:
    """Say hello, then do each command that comes in, until nobody can ask any more."""
    _say({"result": {}})
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            _say({"result": commands[asked["command"]](**asked["params"])})
        except Exception as error:  # told to whoever asked
            _say({"error": f"{asked['command']}: {type(error).__name__}: {error}"})


def numbered(body: str, number: int) -> str:
    """The message with its number."""
    return body.replace(MARK, f"{number:0{len(MARK)}d}", 1)


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)

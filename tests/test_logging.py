import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from waypost import logging as log_lines


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged, with this process's logging put back afterwards."""
    root = logging.getLogger()
    before = root.handlers, root.level, logging.raiseExceptions, structlog.get_config()
    lines = io.StringIO()
    monkeypatch.setattr(sys, "stderr", lines)
    log_lines.configure()
    yield lines
    root.handlers, logging.raiseExceptions = before[0], before[2]
    root.setLevel(before[1])
    structlog.configure(**before[3])


def test_an_event_is_one_json_line(said: io.StringIO) -> None:
    structlog.get_logger("waypost.test").info("queue.held", queue_id="q1", depth=3)

    line = json.loads(said.getvalue())
    assert (line["event"], line["level"], line["queue_id"], line["depth"]) == ("queue.held", "info", "q1", 3)
    assert line["logger"] == "waypost.test"
    assert line["timestamp"].endswith("Z")


def test_what_is_named_like_a_secret_is_dropped_at_any_depth(said: io.StringIO) -> None:
    structlog.get_logger("waypost.test").info(
        "odd",
        access_token="hidden-1",
        Authorization="hidden-2",
        kept="shown",
        inner={"password": "hidden-3", "deeper": {"clientSecret": "hidden-4", "kept": "shown too"}},
        request_body=b"hidden-5",
    )

    assert "hidden" not in said.getvalue()
    assert json.loads(said.getvalue())["inner"] == {"deeper": {"kept": "shown too"}}


def test_an_exception_is_its_type_and_place_without_its_message(said: io.StringIO) -> None:
    try:
        raise ValueError("hidden")
    except ValueError:
        structlog.get_logger("waypost.test").exception("odd")
        logging.getLogger("some.library").exception("odd too")

    first, second = (json.loads(line) for line in said.getvalue().splitlines())
    for line in (first, second):
        assert line["error"] == "ValueError"
        assert any("test_logging.py" in place for place in line["where"])
    assert "hidden" not in said.getvalue()


def test_libraries_are_heard_from_warnings_up(said: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").info("chatter")
    logging.getLogger("uvicorn.error").warning("trouble")

    assert json.loads(said.getvalue())["event"] == "trouble"

"""How the senders read what a node answers: only what came whole counts."""

import json

from crash.wires import Asked, Wires
from tests.support.receiver import Receiver, answer, garbage, hang_up, lying_length

BODIES = [b"{}", b"{}", b"{}"]


def result(line: int, status: int = 200) -> bytes:
    return json.dumps({"line": line, "status": status}).encode() + b"\n"


def test_half_a_line_is_no_answer_and_the_lines_before_it_are() -> None:
    reply = lying_length(1000, result(1) + result(2, 503) + result(3)[:10])
    with Receiver(reply) as node, Wires(kept=True) as wires:
        assert list(wires.answers(node.port, "token", Asked("a", BODIES))) == [
            (200, result(1)),
            (503, result(2, 503)),
        ]


def test_a_refused_request_answers_for_each_of_its_messages() -> None:
    with Receiver(answer(401, b"no")) as node, Wires(kept=True) as wires:
        assert list(wires.answers(node.port, "token", Asked("a", BODIES))) == [(401, b"no")] * 3


def test_a_connection_is_kept_until_it_breaks() -> None:
    with Receiver(answer(), answer(), hang_up(), garbage(), answer()) as node, Wires(kept=True) as wires:
        said = [[status for status, _ in wires.answers(node.port, "t", Asked("a", [b"{}"]))] for _ in range(5)]
        assert said == [[200], [200], [], [], [200]]
        assert node.connections == 3
        assert {request.target for request in node.requests} == {"/endpoint"}

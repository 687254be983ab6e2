"""What is no HTTP at all is answered like every other error."""

import json
import socket

from tests.support.waypost import Server


def test_bytes_that_are_no_request_get_a_problem_document_with_an_id(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"this is not HTTP\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "http/1.1 400 bad request"
    assert any(line.startswith("x-request-id: ") for line in lines)
    assert json.loads(body)["status"] == 400

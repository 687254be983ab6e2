"""The OpenAPI document against the application: every operation with what fits it, and with what does not.

Each answer is held to what the document says of it: its status, its media type, its headers and its body. Nothing
answers 5xx but 501. `walks` follows the document's links from one operation to the next.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi import checks
from schemathesis.transport import SerializationContext
from tests.support.callers import Callers

from torture.ask import Ask
from torture.scene import Scene
from torture.tally import Tally

BASE = "http://127.0.0.1"
Operation = APIOperation[Any, Any, Any, Any]
ACase = Case[Operation]

MESSAGES = ("/endpoint", "/waypost/v1/messages")
LINES = "application/x-ndjson"
CLOSED_PROXY = "http://127.0.0.1:9"
"""An egress proxy that nobody is: whatever a case would have called is not reached."""
CALLERS = ("right",) * 8 + ("viewer", "outsider", "source", "nobody")
OF_THE_CONNECTION = {"authorization", "connection", "expect", "host", "te", "transfer-encoding", "upgrade"}
"""Headers that no operation has: what is drawn for them is left out. Spoilt framing has tests of its own."""
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


class Contract:
    """The document of an application, and what it takes to call its operations."""

    def __init__(self, house: Callers, ask: Ask, tally: Tally | None = None) -> None:
        self.house = house
        self.ask = ask
        self.scene = Scene(house, ask)
        self.tally = tally or Tally()
        self.document: dict[str, Any] = house.call("GET", "/openapi.json", by=None).json
        schemathesis.serializer(LINES)(_lines)
        self.schema: BaseSchema = schemathesis.openapi.from_dict(self.document)

    def paths(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Every operation of the document by its method and path."""
        return {
            (method.upper(), path): operation
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        }

    def operations(self) -> Iterator[Operation]:
        """Every operation, those that remove things last."""
        found = [result.ok() for result in self.schema.get_all_operations() if isinstance(result, Ok)]
        yield from sorted(found, key=lambda one: (one.method == "delete", one.path))

    def try_operation(self, operation: Operation, cases: int, number: int) -> None:
        """So many cases of an operation, half of them spoilt; the same ones for the same number."""
        self.scene.refresh()
        modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        drawn = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))

        @seed(number)
        @settings(
            max_examples=cases,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=drawn, aimed=st.integers(0, 9), caller=st.sampled_from(CALLERS))
        def run(case: ACase, aimed: int, caller: str) -> None:
            if aimed < 8:
                self.aim(case)
            if aimed < 5:
                case.body = self.scene.aim(case.body)
            self.judge(case, self.send(case, caller))

        run()

    def aim(self, case: ACase, but: Collection[str] = ()) -> None:
        """Name real things in the path, but for these parameters."""
        for name in case.path_parameters.keys() - set(but):
            if name in self.scene.in_path:
                case.path_parameters[name] = self.scene.in_path[name]

    def send(self, case: ACase, caller: str) -> Response:
        """The application's answer to the case. `right` is a caller who may do it."""
        wanted = case.as_transport_kwargs(base_url=BASE)
        fields = ("method", "url", "headers", "params", "data", "json", "files")
        request = requests.Request(**{name: wanted[name] for name in fields if name in wanted}).prepare()
        drawn = {name.lower(): _text(value) for name, value in request.headers.items()}
        headers = {name: value for name, value in drawn.items() if name not in OF_THE_CONNECTION}
        headers |= self._authorization(case.operation.path, caller)
        body = request.body or b""
        data = body.encode() if isinstance(body, str) else bytes(body)  # type: ignore[arg-type]
        target = str(request.url).removeprefix(BASE) or "/"
        got = self.ask(case.method, target, _sendable(headers), data)
        return Response(got.status, got.headers, got.body, request, got.seconds, False, got.phrase)

    def plainly(self, method: str, path: str, *, by: str = "right", body: bytes = b"{}", **headers: str) -> int:
        """The status of a request that names real things and says nothing."""
        taken = self.paths()[method, path].get("requestBody", {}).get("content", {})
        sent = {"host": "x", "content-type": next(iter(taken), "application/json")}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= self._authorization(path, by)
        return self.ask(method, path.format(**self.scene.in_path), sent, body).status

    def judge(self, case: ACase, answer: Response, *, by_link: bool = False) -> None:
        """Count the case, and keep what is wrong with the answer."""
        self.tally.add(case.operation.label, answer.status_code, _wrong(case, answer), by_link=by_link)

    def _authorization(self, path: str, caller: str) -> Mapping[str, str]:
        if caller == "nobody":
            return {}
        right = "source" if path in MESSAGES else "owner"
        return {"authorization": "Bearer " + self.house.token(right if caller == "right" else caller)}


def _wrong(case: ACase, answer: Response) -> str | None:
    if answer.status_code >= 500 and answer.status_code != 501:
        return f"{case.method} {case.formatted_path}: {answer.content[:300]!r}"
    if "x-request-id" not in answer.headers:
        return "no request id"
    try:
        case.validate_response(answer, checks=list(CHECKS))
    except FailureGroup as failures:
        return str(failures)[:2_000]
    return None


def _lines(_: SerializationContext, value: Any) -> Any:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _sendable(headers: Mapping[str, str]) -> dict[str, str]:
    """Without what no server would hand on: other alphabets, and control characters."""
    return {name: value.encode("latin-1", "replace").decode("latin-1") for name, value in headers.items()}

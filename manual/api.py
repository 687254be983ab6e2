"""docs/reference/api.md: the OpenAPI document as a page for people, an operation a section."""

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]
Operation = tuple[str, str, Json]
"""Method, path, and what the document says."""

MOST_SPELLED_OUT = 4
"""Alternatives that are told in full; of more, their names."""

_BEGIN = """\
# The API

Every operation that works, by subject. This page is made from the OpenAPI document by `make docs`; the document
itself is [openapi.json](openapi.json), and a server has it at `/openapi.json`. A test holds both to the code.

- Paths under `/platform/v1`, `/v2/auth`, `/auth` and `/endpoint` are Redox's; those under `/waypost/v1` are ours.
  What of Redox's API is here and what is not: [compatibility](../compatibility.md).
- Send `Authorization: Bearer …` with everything but the operations under Authentication. A token is had by a
  signed assertion: [examples](../../examples/README.md).
- Success is `{"meta": …, "payload": …}`. A failure is a problem document (RFC 9457) with `title`, `status` and
  `detail`; for a request that is wrong, `errors` has every fault at once. 503 has `Retry-After`: try again.
- Who may call what is [a page of its own](permissions.md), and how the API may change, [another](api-changes.md).
"""


def page(document: Json) -> str:
    """The page in Markdown."""
    return "\n".join([_BEGIN, *(line for tag in sorted(_by_tag(document)) for line in _section(document, tag))])


def _by_tag(document: Json) -> dict[str, list[Operation]]:
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    return found


def _section(document: Json, tag: str) -> Iterator[str]:
    yield f"## {tag}\n"
    for method, path, operation in _by_tag(document)[tag]:
        yield f"### {operation['summary']}\n"
        yield f"`{method} {path}` (`{operation['operationId']}`)\n"
        if operation.get("description"):
            yield f"{_line(operation['description'])}\n"
        yield from _table("parameter", [_parameter(one) for one in operation.get("parameters", ())])
        yield from _table("in the body", list(_body(document, operation)))
        good = [status for status in operation["responses"] if status < "300"]
        bad = [status for status in operation["responses"] if status >= "300"]
        yield f"Answers {_codes(good)}; fails with {_codes(bad)}.\n"


def _table(title: str, rows: list[tuple[str, str, str]]) -> Iterator[str]:
    if rows:
        yield "\n".join([f"| {title} | | |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _parameter(one: Json) -> tuple[str, str, str]:
    words = f"{one['in']}, required" if one.get("required") and one["in"] != "path" else str(one["in"])
    return f"`{one['name']}`", words, _line(one.get("description", ""))


def _body(document: Json, operation: Json) -> Iterator[tuple[str, str, str]]:
    """The members of a body that is an object; a body of another sort as one row."""
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = _plain(document, content.get("schema", {}))
        if "properties" not in schema:
            yield f"`{kind}`", _words(document, schema), _line(schema.get("description", ""))
        for name, member in schema.get("properties", {}).items():
            required = "required, " if name in schema.get("required", ()) else ""
            yield f"`{name}`", required + _words(document, member), _line(member.get("description", ""))


def _words(document: Json, schema: Json) -> str:
    """A type in words."""
    plain = _plain(document, schema)
    several = [*plain.get("anyOf", ()), *plain.get("oneOf", ())]
    if len(several) > MOST_SPELLED_OUT:
        names = dict.fromkeys(_name(document, each) for each in several)
        return f"one of {', '.join(f'`{name}`' for name in names)} in [openapi.json](openapi.json)"
    if several:
        return " or ".join(dict.fromkeys(_words(document, each) for each in several))
    if "enum" in plain or "const" in plain:
        return " or ".join(f"`{value}`" for value in plain.get("enum", [plain.get("const")]))
    if plain.get("type") == "array":
        return f"list of {_words(document, plain.get('items', {}))}"
    if plain.get("properties"):
        return f"object of {', '.join(f'`{name}`' for name in plain['properties'])}"
    return str(plain.get("type", "anything"))


def _name(document: Json, schema: Json) -> str:
    """What a shape is called: where it stands by itself by that, in place by its title, and else by its type."""
    return str(schema.get("$ref", "")).rpartition("/")[2] or schema.get("title") or _words(document, schema)


def _plain(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")


def _codes(statuses: list[str]) -> str:
    return ", ".join(f"`{status}`" for status in statuses)

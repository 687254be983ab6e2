"""What a change of the API would break for the clients that there are.

    incompatible(published, made) == ["PATCH /platform/v1/…: the request's /name is gone"]

Pure: two OpenAPI documents in, sentences out. What a client may send must not get less, and what it is answered
must not lose anything or become something else. New operations, optional fields, ways to fail, and members and
listed values of an answer are compatible: clients overlook what they do not know. So is one more shape of an
answer that a member tells apart from all there were: its value is a new one of a member that lists them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = Mapping[str, Any]
Side = Literal["request", "answer"]

LARGEST = ("maxLength", "maxItems", "maximum", "exclusiveMaximum")
SMALLEST = ("minLength", "minItems", "minimum", "exclusiveMinimum")
ANYTHING = "anything"


def incompatible(old: Json, new: Json) -> list[str]:
    """Every incompatible change from one document to another, a sentence each."""
    return list(dict.fromkeys(_operations(old, new)))


@dataclass(frozen=True)
class Node:
    """A schema, with the document in which its references lead somewhere, and the name by which it was found."""

    schema: Json
    document: Json
    name: str = ""

    def within(self, schema: Json) -> "Node":
        """Another schema of the same document."""
        return Node(schema, self.document)

    @property
    def plain(self) -> "Node":
        """What a reference stands for."""
        if "$ref" not in self.schema:
            return self
        name = self.schema["$ref"].rpartition("/")[2]
        return Node(self.document["components"]["schemas"][name], self.document, name).plain

    @property
    def alternatives(self) -> list["Node"]:
        """What it may be: itself, or each of `anyOf` and `oneOf`, at any depth."""
        schema = self.plain.schema
        several = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
        return [each for one in several for each in self.within(one).alternatives] or [self.plain]

    @property
    def values(self) -> list[Any] | None:
        """The values that are listed, where they are."""
        listed: list[Any] | None = self.schema.get(
            "enum", [self.schema["const"]] if "const" in self.schema else None
        )
        return listed

    @property
    def kind(self) -> str:
        """Its type, as one word."""
        return str(self.schema.get("type", ANYTHING))

    @property
    def constants(self) -> dict[str, Any]:
        """The members that can have one value only, with it: what tells an object from its alternatives."""
        listed = {name: self.within(one).plain.values for name, one in self.schema.get("properties", {}).items()}
        return {name: values[0] for name, values in listed.items() if values is not None and len(values) == 1}

    @property
    def called(self) -> str:
        """What tells it apart, in words: its constants, or else its name, its title, its type."""
        told = " and ".join(f"{name} {value!r}" for name, value in self.constants.items())
        return f"{self.kind} of {told}" if told else self.name or self.schema.get("title") or self.kind


@dataclass
class _Operation:
    """One operation in both documents. `seen` has pairs of named schemas that are compared already."""

    name: str
    old: Json
    new: Json
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def parameters(self, before: Json, after: Json) -> Iterator[str]:
        had, has = _parameters(before), _parameters(after)
        for name, one in had.items():
            if name not in has:
                yield f"{self.name}: the parameter {name} is gone"
            else:
                yield from self.schemas("request", one.get("schema", {}), has[name].get("schema", {}), f" {name}")
        for name, one in has.items():
            if one.get("required") and not had.get(name, {}).get("required"):
                yield f"{self.name}: the parameter {name} is now required"

    def body(self, before: Json | None, after: Json | None) -> Iterator[str]:
        if before is None or after is None:
            if before is not None:
                yield f"{self.name}: the request has no body any more"
            elif after is not None and after.get("required"):
                yield f"{self.name}: the request's body is now required"
            return
        if after.get("required") and not before.get("required"):
            yield f"{self.name}: the request's body is now required"
        yield from self.contents("request", before["content"], after["content"])

    def answers(self, before: Json, after: Json) -> Iterator[str]:
        """Successes; the ways to fail may come and go, and a problem document looks as it does."""
        for status in (status for status in before if status.startswith("2")):
            if status not in after:
                yield f"{self.name}: it no longer answers {status}"
            else:
                yield from self.contents(
                    "answer", before[status].get("content", {}), after[status].get("content", {})
                )

    def contents(self, side: Side, before: Json, after: Json) -> Iterator[str]:
        for kind, content in before.items():
            if kind not in after:
                yield f"{self.name}: the {side} is no longer {kind}"
            else:
                yield from self.schemas(side, content.get("schema", {}), after[kind].get("schema", {}), "")

    def schemas(self, side: Side, before: Json, after: Json, at: str) -> Iterator[str]:
        """What has become less of a request, or less certain of an answer, at this place."""
        pair = (side, str(before.get("$ref")), str(after.get("$ref")))
        if "$ref" in before and "$ref" in after:
            if pair in self.seen:
                return
            self.seen.add(pair)
        had, has = Node(before, self.old).alternatives, Node(after, self.new).alternatives
        where = f"{self.name}: the {side}'s{at or ' body'}"
        yield from (f"{where} may no longer be {kind}" for kind in _lost(had, has))
        if side == "answer":
            yield from (f"{where} may now be {kind}" for kind in _lost(has, had) if not kind.startswith("'"))
        pairs, gone, come = _paired(had, has)
        yield from (f"{where} may no longer be {one.called}" for one in gone)
        if side == "answer":
            yield from (f"{where} may now be {one.called}" for one in come if not _listed(one, had))
        objects = [one for one in had if one.kind == "object"]
        for one, other in pairs:
            among = one in objects and len(objects) > 1
            yield from self.alike(side, one, other, f"{at or ' body'} ({one.called})" if among else at)

    def alike(self, side: Side, before: Node, after: Node, at: str) -> Iterator[str]:
        """The same for two schemas of one type: bounds, members, items."""
        where = f"{self.name}: the {side}'s{at or ' body'}"
        if side == "request":
            yield from (f"{where}: {words}" for words in _narrowed(before.schema, after.schema))
        had, has = before.schema.get("properties", {}), after.schema.get("properties", {})
        for name, schema in had.items():
            if name in has:
                yield from self.schemas(side, schema, has[name], f"{at}/{name}")
            elif side == "answer" or after.schema.get("additionalProperties") is False:
                yield f"{self.name}: the {side}'s{at}/{name} is gone"
        must, now = set(before.schema.get("required", ())), set(after.schema.get("required", ()))
        changed = now - must if side == "request" else (must - now) & has.keys()
        words = "is now required" if side == "request" else "may now be missing"
        yield from (f"{self.name}: the {side}'s{at}/{name} {words}" for name in sorted(changed))
        if "items" in before.schema and "items" in after.schema:
            yield from self.schemas(side, before.schema["items"], after.schema["items"], f"{at}/…")


def _operations(old: Json, new: Json) -> Iterator[str]:
    for path, methods in old["paths"].items():
        for method, before in methods.items():
            name = f"{method.upper()} {path}"
            after = new["paths"].get(path, {}).get(method)
            if after is None:
                yield f"{name} is gone"
                continue
            if before.get("operationId") != after.get("operationId"):
                yield f"{name}: it is {after.get('operationId')} now, no longer {before.get('operationId')}"
            compared = _Operation(name, old, new)
            yield from compared.parameters(before, after)
            yield from compared.body(before.get("requestBody"), after.get("requestBody"))
            yield from compared.answers(before.get("responses", {}), after.get("responses", {}))


def _parameters(operation: Json) -> dict[str, Json]:
    return {one["name"]: one for one in operation.get("parameters", ())}


def _paired(before: list[Node], after: list[Node]) -> tuple[list[tuple[Node, Node]], list[Node], list[Node]]:
    """Alternatives of one type that belong together, by what tells them apart; and the objects left over."""
    pairs: list[tuple[Node, Node]] = []
    left, rest = list(before), list(after)
    for belongs in (_same_constants, _same_name, _not_told_apart):
        for one in tuple(left):
            found = next((other for other in rest if one.kind == other.kind and belongs(one, other)), None)
            if found is not None:
                pairs.append((one, found))
                left.remove(one)
                rest.remove(found)
    # A type that is new or gone is told as that.
    both = {one.kind for one in before} & {one.kind for one in after} & {"object"}
    return pairs, [one for one in left if one.kind in both], [one for one in rest if one.kind in both]


def _same_constants(one: Node, other: Node) -> bool:
    return one.constants == other.constants != {}


def _same_name(one: Node, other: Node) -> bool:
    return one.name == other.name != ""


def _not_told_apart(one: Node, other: Node) -> bool:
    """Whether no member has one value in the one and another in the other: they may be the same, in order."""
    return all(other.constants.get(name, value) == value for name, value in one.constants.items())


def _listed(come: Node, had: list[Node]) -> bool:
    """Whether a shape is told from each that there was by a value of a member that lists them."""
    return not any(one.kind == come.kind and _not_told_apart(one, come) for one in had)


def _lost(before: list[Node], after: list[Node]) -> list[str]:
    """Types and listed values that are in the one and not in the other."""
    had, has = ({word for one in side for word in _words(one)} for side in (before, after))
    kinds = {one.kind for one in after if one.values is None}
    if ANYTHING in kinds:
        return []
    covered = kinds | ({"integer"} if "number" in kinds else set())
    return sorted(
        word
        for one in before
        for word in _words(one)
        if word in had - has and not (one.values is not None and one.kind in covered) and word not in covered
    )


def _words(node: Node) -> list[str]:
    return [node.kind] if node.values is None else [repr(value) for value in node.values]


def _narrowed(before: Json, after: Json) -> Iterator[str]:
    """Bounds of a request that are tighter than they were."""
    for bounds, worse in ((LARGEST, min), (SMALLEST, max)):
        for name in bounds:
            was, now = before.get(name), after.get(name)
            if now is not None and now != was and (was is None or worse(was, now) == now):
                yield f"{name} is now {now}"
    if after.get("pattern") not in {None, before.get("pattern")}:
        yield "it has to fit another pattern"
    if before.get("additionalProperties") is not False and after.get("additionalProperties") is False:
        yield "it may no longer have members of any name"

"""Every audit event that the code can write, read from the source: type, trail, fields, status.

`audit.record` appends an event. A function with a parameter `type_` that hands it on is a wrapper, and so on
upwards; whoever calls one with a type writes an event. What cannot be followed from there is an error and no gap.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SRC = Path(__file__).parents[2] / "src"
RECORD = ("waypost.audit.store", "record")
TYPE, DETAILS, TRAIL, STATUS = "type_", "details", "environment_id", "status"

Def = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Event:
    """What one call writes; `spelled_at` is where its type stands as a string."""

    type: str
    trails: frozenset[str]
    fields: frozenset[str]
    status: str
    spelled_at: str


@dataclass(eq=False)
class Module:
    """One file of the source."""

    name: str
    tree: ast.Module
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in ast.walk(self.tree):
            self.parents.update((child, node) for child in ast.iter_child_nodes(node))
            if isinstance(node, ast.ImportFrom) and node.module:
                self.imports.update((each.asname or each.name, (node.module, each.name)) for each in node.names)

    def function(self, name: str) -> "Function | None":
        """The function or method of this name, where there is one."""
        found = (node for node in ast.walk(self.tree) if isinstance(node, Def) and node.name == name)
        return next((Function(self, node) for node in found), None)

    def around(self, node: ast.AST) -> Iterator[Def]:
        """The functions that this stands in, from the inside."""
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, Def):
                yield node

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))


@dataclass(frozen=True)
class Function:
    """A function of a module."""

    module: Module
    node: Def

    @property
    def parameters(self) -> list[str]:
        arguments = self.node.args
        return [each.arg for each in (*arguments.args, *arguments.kwonlyargs) if each.arg != "self"]

    @property
    def is_record(self) -> bool:
        return (self.module.name, self.node.name) == RECORD

    def argument(self, call: ast.Call, name: str) -> ast.expr | None:
        """What a call of this hands over for that parameter."""
        by_name = next((each.value for each in call.keywords if each.arg == name), None)
        positional = dict(zip(self.parameters, call.args, strict=False))
        return positional.get(name, by_name)

    def returned(self) -> list[ast.expr]:
        """What it gives back, without what functions inside it do."""
        found = (node for node in ast.walk(self.node) if isinstance(node, ast.Return) and node.value)
        return [each.value for each in found if each.value and next(self.module.around(each)) is self.node]

    def callers(self) -> list[ast.Call]:
        """Its calls in its own module."""
        return [call for call in self.module.calls() if called(self.module, call) == self]


@cache
def modules() -> dict[str, Module]:
    files = {".".join(path.relative_to(SRC).with_suffix("").parts): path for path in SRC.rglob("*.py")}
    return {name: Module(name, ast.parse(path.read_text())) for name, path in files.items()}


def module_of(module: Module, alias: str) -> Module | None:
    """The module that an imported name stands for."""
    return modules().get(".".join(module.imports.get(alias, ("", ""))))


def called(module: Module, call: ast.Call) -> Function | None:
    """The function of ours that is called; None for what is not ours."""
    match call.func:
        case ast.Attribute(ast.Name("self"), name):
            return module.function(name)
        case ast.Attribute(ast.Name(alias), name):
            other = module_of(module, alias)
            return other.function(name) if other else None
        case ast.Name(name) if name in module.imports:
            source, original = module.imports[name]
            return modules()[source].function(original) if source in modules() else None
        case ast.Name(name):
            return module.function(name)
    return None


def assigned(module: Module, name: ast.Name) -> list[ast.expr]:
    """What a name was given in the innermost function that gives it anything."""
    for function in module.around(name):
        found = [
            node.value
            for node in ast.walk(function)
            if (isinstance(node, ast.Assign) and [ast.unparse(each) for each in node.targets] == [name.id])
            or (isinstance(node, ast.AugAssign) and ast.unparse(node.target) == name.id)
        ]
        if found:
            return found
    return []


def handed_in(module: Module, name: ast.Name) -> Function | None:
    """The function of which it is a parameter."""
    functions = (Function(module, node) for node in module.around(name))
    return next((each for each in functions if name.id in each.parameters), None)


def types(module: Module, at: ast.expr) -> Iterator[tuple[str, str]]:
    """The strings that a type can be, and where each stands."""
    match at:
        case ast.Constant(str(value)):
            yield value, f"{module.name}:{at.lineno}"
        case ast.IfExp(_, body, orelse):
            yield from types(module, body)
            yield from types(module, orelse)
        case ast.Attribute(ast.Name(alias), name) if (other := module_of(module, alias)) is not None:
            yield from constant(other, name)
        case ast.Name(name) if name in module.imports:
            source, original = module.imports[name]
            yield from constant(modules()[source], original)
        case ast.Name(name):
            yield from constant(module, name)
        case _:
            raise AssertionError(f"{module.name}:{at.lineno}: no type to be read: {ast.unparse(at)}")


def constant(module: Module, name: str) -> Iterator[tuple[str, str]]:
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(each) for each in node.targets] == [name]:
            yield from types(module, node.value)
            return
    raise AssertionError(f"{module.name} has no constant {name}")


def fields(module: Module, at: ast.expr | None) -> set[str]:
    """The keys that a `details` can have, without what a wrapper is handed."""
    match at:
        case None | ast.Constant(None):
            return set()
        case ast.Dict(keys, values):
            plain = {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
            spread = [fields(module, value) for key, value in zip(keys, values, strict=True) if key is None]
            return plain.union(*spread)
        case ast.BinOp(left, ast.BitOr(), right) | ast.IfExp(_, left, right):
            return fields(module, left) | fields(module, right)
        case ast.BoolOp(_, values):
            return set().union(*(fields(module, value) for value in values))
        case ast.Name() if values := assigned(module, at):
            return set().union(*(fields(module, value) for value in values))
        case ast.Name(name) if (function := handed_in(module, at)) is not None:
            if TYPE in function.parameters:
                return set()  # a wrapper's: counted where it is called
            handed = [function.argument(call, name) for call in function.callers()]
            assert handed, f"{module.name}:{at.lineno}: nobody hands over {name}"
            return set().union(*(fields(module, value) for value in handed))
        case ast.Call() if (function := called(module, at)) is not None and function.returned():
            return set().union(*(fields(function.module, value) for value in function.returned()))
    raise AssertionError(f"{module.name}:{at.lineno}: no fields to be read: {ast.unparse(at)}")


def trails(at: ast.expr | None) -> set[str]:
    """Whether an event is of an environment, or of the organization alone."""
    none = at is None or (isinstance(at, ast.Constant) and at.value is None)
    return {"organization" if none else "environment"}


def hands_on(module: Module, function: Function, call: ast.Call) -> bool:
    """Whether a call stands in a wrapper, and has its type from there."""
    at = function.argument(call, TYPE)
    return isinstance(at, ast.Name) and at.id == TYPE and handed_in(module, at) is not None


def adds(function: Function) -> tuple[set[str], set[str]]:
    """What a wrapper adds by itself: the trail, where it knows that, and fields."""
    if function.is_record:
        return set(), set()
    module, of_trails, of_fields = function.module, set[str](), set[str]()
    for call in module.calls():
        inner = called(module, call)
        within = function.node in module.around(call)
        if within and inner is not None and TYPE in inner.parameters and hands_on(module, inner, call):
            more_trails, more_fields = adds(inner)
            if TRAIL not in function.parameters:
                of_trails |= more_trails or trails(inner.argument(call, TRAIL))
            of_fields |= more_fields | fields(module, inner.argument(call, DETAILS))
    return of_trails, of_fields


@cache
def written() -> list[Event]:
    """Every event that some call writes."""
    return [event for module in modules().values() for call in module.calls() for event in events(module, call)]


def events(module: Module, call: ast.Call) -> Iterator[Event]:
    function = called(module, call)
    if function is None or TYPE not in function.parameters or hands_on(module, function, call):
        return
    at = function.argument(call, TYPE)
    assert at is not None, f"{module.name}:{call.lineno}: an event without a type"
    of_trails, of_fields = adds(function)
    of_trails = of_trails or trails(function.argument(call, TRAIL))
    of_fields |= fields(module, function.argument(call, DETAILS))
    status = function.argument(call, STATUS)
    of_status = ast.literal_eval(status) if status is not None else "successful"
    for name, place in types(module, at):
        yield Event(name, frozenset(of_trails), frozenset(of_fields), of_status, place)


def unread() -> list[str]:
    """Calls of something named like what writes events that lead to no function of ours."""
    return [
        f"{module.name}: {ast.unparse(call.func)}"
        for module in modules().values()
        for call in module.calls()
        if ast.unparse(call.func).rpartition(".")[2].lstrip("_") == "record" and called(module, call) is None
    ]

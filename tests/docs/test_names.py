"""One word for one thing: no two classes of the product have one name, but where it is said here why."""

import ast
from collections import defaultdict
from functools import cache

from tests.docs.test_architecture import SRC

SHARED = {
    "Message": "what a deletion answers has this name in the published document",
    "Meta": "as in the envelope, and in a message: both are the vendor's words",
    "Park": "a subscription's rule has this name in the published document; the other is what it leads to",
    "Source": "one as it is kept, and as the caller that it is: `access.py` knows no more of it",
    "User": "likewise",
}
"""Names that two classes have, and why."""
OPTIONS = {"Client", "Url", "User"}
"""What options of commands are named, after what they name."""


@cache
def classes_and_types() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The files in which a class has a name, and those in which a type is given one."""
    classes, types = defaultdict(list), defaultdict(list)
    for path in sorted(SRC.rglob("*.py")):
        where = path.relative_to(SRC).as_posix()
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes[node.name].append(where)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                types[node.targets[0].id].append(where)
    return classes, types


def test_a_class_has_its_name_alone_but_where_it_is_said_why() -> None:
    classes, _ = classes_and_types()
    assert {name: places for name, places in classes.items() if len(places) > 1}.keys() == SHARED.keys()


def test_no_other_type_has_the_name_of_a_class() -> None:
    classes, types = classes_and_types()
    assert {name: places for name, places in types.items() if name in classes}.keys() == OPTIONS

"""docs/reference/command-line.md, held against the `waypost` command."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from waypost.cli.main import app

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "command-line.md").read_text()


def commands(group: TyperGroup, name: str) -> Iterator[tuple[str, TyperCommand]]:
    for word, found in group.commands.items():
        if isinstance(found, TyperGroup):
            yield from commands(found, f"{name} {word}")
        elif isinstance(found, TyperCommand):
            yield f"{name} {word}", found


def the_group() -> TyperGroup:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


COMMANDS = dict(commands(the_group(), "waypost"))
PARTS = re.split(r"^### `(.+)`$", TEXT, flags=re.MULTILINE)
SECTIONS = dict(zip(PARTS[1::2], PARTS[2::2], strict=True))


def home(command: TyperCommand) -> str:
    """The file that the command is written in."""
    assert command.callback is not None
    return command.callback.__module__.rpartition(".")[2]


def taken(command: TyperCommand) -> set[str]:
    """What the command takes: its options, and its arguments by the word that stands for them."""
    found = set()
    for param in command.params:
        if isinstance(param, TyperOption) and not param.hidden:
            found |= set(param.opts)
        elif isinstance(param, TyperArgument):
            found.add(str(param.metavar))
    return found


def example(section: str) -> str:
    return section.split("```sh\n", 1)[1].split("\n```", 1)[0]


def test_every_command_has_its_section_and_every_section_its_command() -> None:
    assert SECTIONS.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_has_every_option_and_argument(name: str) -> None:
    rows = re.findall(r"^\| `(\S+)", SECTIONS[name], re.MULTILINE)

    assert len(rows) == len(set(rows))
    assert {row.rstrip("`") for row in rows} == taken(COMMANDS[name])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_default_is_the_one_that_is_said(name: str) -> None:
    for param in COMMANDS[name].params:
        if isinstance(param.default, str | int) and not isinstance(param.default, bool):
            row = next(line for line in SECTIONS[name].splitlines() if line.startswith(f"| `{param.opts[0]}"))
            assert f"`{param.default}`" in row


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_can_be_read(name: str) -> None:
    words, said = shlex.split(example(SECTIONS[name])), name.split(" ")

    assert words[: len(said)] == said
    COMMANDS[name].make_context(name, words[len(said) :])


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_in_the_file_with_its_first_word(name: str) -> None:
    assert home(COMMANDS[name]) == name.split()[1]

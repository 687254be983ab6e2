"""docs/reference/credential-strategies.md, held against the declarations of the strategies."""

from pathlib import Path

from waypost.credentials.page import page
from waypost.credentials.strategies import STRATEGIES

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "credential-strategies.md").read_text()


def test_the_page_is_what_the_declarations_say() -> None:
    assert page(STRATEGIES) == TEXT, "make it anew: python -m waypost.credentials.page"


def test_every_field_of_every_strategy_says_what_it_is() -> None:
    silent = [
        (strategy.name, name)
        for strategy in STRATEGIES.values()
        for name, info in strategy.declared.items()
        if not info.description
    ]
    assert silent == []

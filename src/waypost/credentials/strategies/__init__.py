"""The table of strategies: one file each, one line each."""

from collections.abc import Mapping
from typing import Any

from waypost.credentials.strategies import azure_sas, azure_shared_key, oauth2
from waypost.credentials.strategy import Strategy

Strategies = Mapping[str, Strategy[Any]]

STRATEGIES: Strategies = {
    strategy.name: strategy
    for strategy in (
        oauth2.STRATEGY,
        azure_shared_key.STRATEGY,
        azure_sas.STRATEGY,
    )
}  # fmt: skip

DEFAULT = oauth2.STRATEGY.name
"""The documented create request leaves `authStrategy` out; it means this one."""

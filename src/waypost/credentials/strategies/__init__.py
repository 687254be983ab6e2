"""The table of strategies: one file each, one line each."""

from collections.abc import Mapping
from typing import Any

from waypost.credentials.strategies import aws_sigv4, azure_sas, azure_shared_key, google_service_account, oauth2
from waypost.credentials.strategy import Strategy

Strategies = Mapping[str, Strategy[Any]]

STRATEGIES: Strategies = {
    strategy.name: strategy
    for strategy in (
        oauth2.STRATEGY,
        aws_sigv4.STRATEGY,
        azure_shared_key.STRATEGY,
        azure_sas.STRATEGY,
        google_service_account.STRATEGY,
    )
}  # fmt: skip

DEFAULT = oauth2.STRATEGY.name
"""The documented create request leaves `authStrategy` out; it means this one."""

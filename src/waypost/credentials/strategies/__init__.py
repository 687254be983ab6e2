"""The table of strategies: one file each, one line each.

Beside them stands what they share: what a strategy is (`strategy.py`), the types of its fields (`fields.py`), the
private keys that some sign with (`keys.py`), and asking token endpoints (`token_answers.py`).
"""

from collections.abc import Mapping
from typing import Any

from waypost.credentials.strategies import (
    aws_sigv4,
    azure_sas,
    azure_shared_key,
    basic,
    google_service_account,
    google_wif,
    header,
    jwt_bearer,
    oauth2,
    smart_backend,
)
from waypost.credentials.strategies.strategy import Strategy

Strategies = Mapping[str, Strategy[Any]]

STRATEGIES: Strategies = {
    strategy.name: strategy
    for strategy in (
        oauth2.STRATEGY,
        smart_backend.STRATEGY,
        aws_sigv4.STRATEGY,
        google_wif.STRATEGY,
        azure_shared_key.STRATEGY,
        azure_sas.STRATEGY,
        google_service_account.STRATEGY,
        jwt_bearer.STRATEGY,
        basic.STRATEGY,
        header.STRATEGY,
    )
}  # fmt: skip

DEFAULT = oauth2.STRATEGY.name
"""The documented create request leaves `authStrategy` out; it means this one."""

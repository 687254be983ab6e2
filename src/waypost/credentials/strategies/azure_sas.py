"""`AzureSAS` (ours): a shared access signature, put behind the URL of each request to Azure Blob Storage.

https://learn.microsoft.com/rest/api/storageservices/create-service-sas
"""

import re
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import parse_qsl

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from waypost.credentials.strategies.fields import SecretText
from waypost.credentials.strategies.strategy import Fields, Grant, NotAuthorized, Occasion, Strategy

_PAIR = r"[A-Za-z][A-Za-z0-9-]*=[A-Za-z0-9%._~:/,+=-]*"
_TOKEN = re.compile(f"{_PAIR}(?:&{_PAIR})*")


def _sas(value: str) -> str:
    named = parameters(value) if _TOKEN.fullmatch(value.removeprefix("?")) else {}
    if not named.get("sv") or not named.get("sig"):
        message = "A SAS token is the query of a SAS URL: name=value pairs with & between, sv and sig among them."
        raise PydanticCustomError("invalid_sas_token", message)
    if "sp" in named and not set("cw") & set(named["sp"]):
        message = "This SAS token does not allow blobs to be created: its permissions (sp) need c."
        raise PydanticCustomError("sas_cannot_create", message)
    return value


class AzureSAS(Fields):
    """A shared access signature (ours)."""

    sasToken: Annotated[SecretText, AfterValidator(_sas)] = Field(
        description="The SAS token, with or without its leading `?`; permissions `rcd`; never returned.",
        repr=False,
    )


async def authorize(fields: AzureSAS, occasion: Occasion) -> Grant | NotAuthorized:
    """The token as query parameters. One that says that it is over is not sent."""
    over = parameters(fields.sasToken).get("se", "")
    if _has_passed(over, occasion.now_ms):
        return NotAuthorized(f"the SAS token expired at {over}; give the credential a new one")
    return Grant({}, query=fields.sasToken.removeprefix("?"))


STRATEGY = Strategy("AzureSAS", AzureSAS, authorize, each_time=True, ours=True)
"""Asked `each_time`, so that its end is looked at."""


def parameters(token: str) -> dict[str, str]:
    """The token's parameters, decoded."""
    return dict(parse_qsl(token.removeprefix("?"), keep_blank_values=True))


def _has_passed(text: str, now_ms: int) -> bool:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return False  # the service will say
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000 <= now_ms

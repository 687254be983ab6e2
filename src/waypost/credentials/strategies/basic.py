"""`Basic` (ours): a name and a password with every request (RFC 7617)."""

import base64
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from waypost.credentials.strategies.fields import SecretText, Text
from waypost.credentials.strategies.strategy import Fields, Grant, NotAuthorized, Occasion, Strategy


def _without_colon(value: str) -> str:
    if ":" in value:
        raise PydanticCustomError("invalid_character", "A user name has no colon: it ends the name.")
    return value


class Basic(Fields):
    """HTTP Basic authentication."""

    username: Annotated[Text, AfterValidator(_without_colon)] = Field(description="The name, in UTF-8.")
    password: SecretText = Field(description="The password, in UTF-8; never returned.", repr=False)


async def authorize(fields: Basic, occasion: Occasion) -> Grant | NotAuthorized:
    """The header, for ever."""
    pair = f"{fields.username}:{fields.password}".encode()
    return Grant({"authorization": f"Basic {base64.b64encode(pair).decode()}"})


STRATEGY = Strategy("Basic", Basic, authorize, each_time=True, ours=True)

"""Ids in paths. An organization's is a number: what is not one names nothing, so it is simply not found."""

from typing import Annotated

from fastapi import Depends, Path

from waypost.errors import NotFound

MOST_DIGITS = 18  # what fits a BIGINT column for certain


async def organization_number(
    organizationId: Annotated[str, Path(description="The organization's number.")],
) -> int:
    """The organization's number from the path. Raises NotFound."""
    if not (organizationId.isascii() and organizationId.isdigit() and len(organizationId) <= MOST_DIGITS):
        raise NotFound("organization")
    return int(organizationId)


OrganizationId = Annotated[int, Depends(organization_number)]
"""Put it after the caller: who is nobody hears 401 first."""

EnvironmentId = Annotated[str, Path(alias="environmentId")]

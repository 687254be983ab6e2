"""What may be written on an environment's egress list, apart from what the operator permits. Pure."""

from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from waypost.egress import lists
from waypost.egress.lists import MOST_CIDRS, MOST_HOSTS, MOST_PORTS, EgressList
from waypost.egress.policy import METADATA_NAMES
from waypost.validation import Body

E = TypeVar("E")


def _cidr(value: str) -> str:
    found = lists.network(value)
    if isinstance(found, str):
        raise PydanticCustomError("invalid_network", "{words}", {"words": found})
    return str(found)


def _host(value: str) -> str:
    wrong = lists.host(value)
    if wrong is not None:
        raise PydanticCustomError("invalid_host", "{words}", {"words": wrong})
    if value.removeprefix("*.") in METADATA_NAMES:
        raise PydanticCustomError(
            "never_allowed", "Cloud machines hand out credentials here. It is never allowed."
        )
    return value


def _distinct(values: list[E]) -> list[E]:
    if len(set(values)) != len(values):
        raise PydanticCustomError("duplicate", "Name each one once.")
    return values


Cidr = Annotated[str, StringConstraints(max_length=64), AfterValidator(_cidr)]
HostName = Annotated[str, StringConstraints(max_length=255), AfterValidator(_host)]
PortNumber = Annotated[int, Field(ge=1, le=65535)]


class EgressPut(Body):
    """The whole list; what is left out is empty, and an empty part narrows nothing."""

    cidrs: Annotated[list[Cidr], Field(max_length=MOST_CIDRS), AfterValidator(_distinct)] = Field(
        [], description="Networks whose addresses may be called."
    )
    hosts: Annotated[list[HostName], Field(max_length=MOST_HOSTS), AfterValidator(_distinct)] = Field(
        [], description="Hosts that may be called: `ehr.example.org`, or `*.example.org` for all below it."
    )
    ports: Annotated[list[PortNumber], Field(max_length=MOST_PORTS), AfterValidator(_distinct)] = Field(
        [], description="Ports that may be called; any when empty."
    )

    def listed(self) -> EgressList:
        """The list that this asks for."""
        networks = [lists.network(each) for each in self.cidrs]
        return EgressList(
            tuple(each for each in networks if not isinstance(each, str)), tuple(self.hosts), tuple(self.ports)
        )

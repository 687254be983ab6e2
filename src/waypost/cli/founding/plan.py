"""The documents of `init --from`: ids and public keys that are fixed beforehand.

`docs/reference/init-from.md` is their reference.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from waypost.access import EnvironmentRole, OrganizationRole
from waypost.cli.terminal.output import Failure
from waypost.environments.store import Flag
from waypost.ids import is_uuid
from waypost.quotas.model import QuotasPatch
from waypost.validation import Body, Line, faults_of

FIRST = 1
"""The organization that is meant, and made if need be, where no document names one."""


def _uuid(value: str) -> str:
    if not is_uuid(value):
        raise PydanticCustomError("invalid_id", "This must be a UUID, 36 characters with hyphens.")
    return value.lower()


Uuid = Annotated[str, AfterValidator(_uuid)]
Number = Annotated[int, Field(gt=0, lt=2**53)]


class FixedOrganization(Body):
    """An organization."""

    id: Number
    name: Line


class FixedEnvironment(Body):
    """An environment of an organization."""

    id: Uuid
    organization: Number = FIRST
    name: Line
    environmentFlag: Annotated[Flag, Field(strict=False)]
    quotas: QuotasPatch | None = None


class FixedKey(Body):
    """A user-level API key, known by its public half."""

    clientId: str
    name: str = "default"
    jwksURL: str | None = None
    jwkSet: dict[str, Any] | None = None


class FixedUser(Body):
    """A user of one organization, with one key."""

    id: Number | None = None
    email: str
    name: str = ""
    organization: Number = FIRST
    organizationRole: Annotated[OrganizationRole, Field(strict=False)] = OrganizationRole.member
    environmentRoles: dict[Uuid, Annotated[EnvironmentRole, Field(strict=False)]] = Field({})
    apiKey: FixedKey


class FixedApiKey(Body):
    """An OAuth API key of an environment."""

    clientId: Uuid
    environment: Uuid
    name: Line
    jwksURL: str | None = None
    jwkSet: dict[str, Any] | None = None


class Document(Body):
    """One `--from` file."""

    organizations: list[FixedOrganization] = Field([])
    environments: list[FixedEnvironment] = Field([])
    users: list[FixedUser] = Field([])
    apikeys: list[FixedApiKey] = Field([])


@dataclass(slots=True)
class SetupPlan:
    """Everything that several documents fix, in their order."""

    organizations: list[FixedOrganization] = field(default_factory=list)
    environments: list[FixedEnvironment] = field(default_factory=list)
    users: list[FixedUser] = field(default_factory=list)
    apikeys: list[FixedApiKey] = field(default_factory=list)


def read(paths: Sequence[Path]) -> SetupPlan:
    """The documents as one plan. Raises Failure with every fault of every document, one a line."""
    plan, faults = SetupPlan(), list[str]()
    for path in paths:
        try:
            document = Document.model_validate(json.loads(path.read_bytes()))
        except ValidationError as error:
            faults += [f"{path} {fault.pointer}: {fault.detail}" for fault in faults_of(error)]
        except ValueError:
            faults.append(f"{path} is not JSON.")
        else:
            plan.organizations += document.organizations
            plan.environments += document.environments
            plan.users += document.users
            plan.apikeys += document.apikeys
    faults = faults or _twice(plan) + _dangling(plan)
    if faults:
        raise Failure("\n".join(["The set-up cannot be used:", *faults]))
    return plan


def _twice(plan: SetupPlan) -> list[str]:
    groups: dict[str, list[Any]] = {
        "organization": [one.id for one in plan.organizations],
        "environment": [one.id for one in plan.environments],
        "client id": [one.apiKey.clientId for one in plan.users] + [one.clientId for one in plan.apikeys],
    }
    return [
        f"The {noun} {value} is given twice."
        for noun, values in groups.items()
        for value in sorted({value for value in values if values.count(value) > 1})
    ]


def _dangling(plan: SetupPlan) -> list[str]:
    organizations = {one.id for one in plan.organizations} or {FIRST}
    environments = {one.id: one.organization for one in plan.environments}
    named = [(one.organization, f"the environment {one.name}") for one in plan.environments]
    named += [(one.organization, f"the user {one.email}") for one in plan.users]
    faults = [
        f"The organization {number} of {whose} is not given."
        for number, whose in named
        if number not in organizations
    ]
    faults += [
        f"The environment {wanted} of {user.email} is not given in organization {user.organization}."
        for user in plan.users
        for wanted in user.environmentRoles
        if environments.get(wanted) != user.organization
    ]
    return faults + [
        f"The environment {key.environment} of the API key {key.clientId} is not given."
        for key in plan.apikeys
        if key.environment not in environments
    ]

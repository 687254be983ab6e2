"""The lists of organizations and environments."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from tests.conftest import SetClock
from tests.support import tenants
from tests.support.serving import Client, Serving
from tests.support.tenants import Tenant

from waypost.access import EnvironmentRole, OrganizationRole, Source, User
from waypost.db.database import Database
from waypost.environments import api


class Served(NamedTuple):
    call: Client
    clinic: Tenant
    lab: Tenant


@pytest.fixture
async def served(db: Database, clock: SetClock) -> AsyncIterator[Served]:
    clinic, lab = await tenants.found(db, clock), await tenants.found(db, clock, "Lab")
    viewer = EnvironmentRole.viewer
    member = User(7, "seven", {clinic.id: OrganizationRole.member}, {clinic.development: viewer})
    known = tenants.words(
        {
            "member": member,
            "nobody": User(8, "eight"),
            "source": Source("s", clinic.development),
        }
    )
    with Serving(tenants.app([api.router(db)], known)) as serving:
        yield Served(serving.client, clinic, lab)


def test_organizations_are_those_of_the_caller(served: Served) -> None:
    answer = served.call("GET", "/platform/v1/organizations", token="member")
    assert answer.status == 200
    assert answer.json["meta"] == {"version": "1.0.0"}
    assert answer.payload == {"organizations": [{"id": served.clinic.id, "name": "Clinic"}]}


def test_who_belongs_nowhere_has_an_empty_list(served: Served) -> None:
    assert served.call("GET", "/platform/v1/organizations", token="nobody").payload == {"organizations": []}


def test_environments_are_those_where_the_caller_has_a_role(served: Served) -> None:
    path = f"/platform/v1/organizations/{served.clinic.id}/environments"
    assert served.call("GET", path, token="member").payload == {
        "environments": [
            {
                "id": served.clinic.development,
                "name": "Development",
                "environmentFlag": "Development",
                "organization": {"id": served.clinic.id, "name": "Clinic"},
            }
        ]
    }


def test_another_organization_looks_like_none_at_all(served: Served) -> None:
    other = served.call("GET", f"/platform/v1/organizations/{served.lab.id}/environments", token="member")
    none = served.call("GET", "/platform/v1/organizations/999/environments", token="member")
    assert (other.status, none.status) == (404, 404)
    assert {**other.json, "instance": ""} == {**none.json, "instance": ""}


@pytest.mark.parametrize("number", ["x", "-1", "1.0", "%C2%B2", "9" * 40, "1%20", "0x1"])
def test_what_is_no_number_is_not_found(served: Served, number: str) -> None:
    answer = served.call("GET", f"/platform/v1/organizations/{number}/environments", token="member")
    assert answer.status == 404


def test_without_a_token_it_is_401_even_for_what_is_no_number(served: Served) -> None:
    for path in ("/organizations", "/organizations/1/environments", "/organizations/x/environments"):
        answer = served.call("GET", f"/platform/v1{path}")
        assert (answer.status, "www-authenticate" in answer.headers) == (401, True)


def test_a_source_is_refused(served: Served) -> None:
    assert served.call("GET", "/platform/v1/organizations", token="source").status == 403

"""Who may see and change auth credentials."""

import pytest

from tests.credentials.conftest import DEVELOPMENT, World, a_credential

LIST = f"/platform/v1/environments/{DEVELOPMENT}/authcredentials"
UNKNOWN = "497f6eca-6276-4993-bfeb-53cbbbba6f08"


@pytest.mark.parametrize("who", ["engineer", "support", "viewer"])
async def test_every_role_of_the_environment_reads(world: World, who: str) -> None:
    made = world.create()
    assert world.client("GET", LIST, token=who).payload == {"credentials": [made]}
    assert world.get(made["id"], token=who).payload == {"credential": made}


@pytest.mark.parametrize("who", ["support", "viewer"])
async def test_a_role_below_engineer_may_not_write_and_hears_which_one_is_needed(world: World, who: str) -> None:
    made = world.create()
    answers = [
        world.client("POST", "/platform/v1/authcredentials", a_credential(), token=who),
        world.patch(made["id"], {"name": "other"}, token=who),
        world.delete(made["id"], token=who),
    ]
    assert [answer.status for answer in answers] == [403, 403, 403]
    assert all("engineer" in answer.json["detail"] for answer in answers)
    assert world.get(made["id"]).payload == {"credential": made}


async def test_without_a_role_a_credential_is_as_good_as_absent(world: World) -> None:
    made = world.create()
    for act in (world.get, world.delete):
        there, absent = act(made["id"], token="stranger"), act(UNKNOWN, token="stranger")
        assert (there.status, absent.status) == (404, 404)
        assert there.body.replace(made["id"].encode(), b"") == absent.body.replace(UNKNOWN.encode(), b"")
    assert world.patch(made["id"], {"name": ""}, token="stranger").status == 404
    assert world.client("GET", LIST, token="stranger").status == 404
    assert world.client("POST", "/platform/v1/authcredentials", a_credential(), token="stranger").status == 404


@pytest.mark.parametrize("environment", [UNKNOWN, "nowhere", ""])
async def test_an_environment_that_is_not_there_is_not_found(world: World, environment: str) -> None:
    body = a_credential(environmentId=environment)
    assert world.client("POST", "/platform/v1/authcredentials", body).status == 404


@pytest.mark.parametrize("credential_id", [UNKNOWN, "no-uuid", "%00", "strategies2"])
async def test_an_id_that_is_not_there_is_not_found(world: World, credential_id: str) -> None:
    assert world.get(credential_id).status == 404
    assert world.patch(credential_id, {}).status == 404
    assert world.delete(credential_id).status == 404


async def test_a_source_may_not_use_the_platform_api(world: World) -> None:
    assert world.client("GET", LIST, token="source").status == 403
    assert world.client("GET", "/platform/v1/authcredentials/strategies", token="source").status == 403


async def test_nobody_gets_401(world: World) -> None:
    answer = world.client("GET", LIST, token="unknown")
    assert (answer.status, answer.headers["www-authenticate"][:6]) == (401, "Bearer")

"""DELETE /platform/v1/authcredentials/{id}."""

import json

from tests.credentials.conftest import World


async def test_an_unused_credential_is_deleted(world: World) -> None:
    made = world.create()
    answer = world.delete(made["id"])
    message = f"Auth credential id [{made['id']}] was successfully deleted."
    assert (answer.status, answer.payload) == (200, {"message": message})
    assert world.get(made["id"]).status == 404
    assert world.delete(made["id"]).status == 404


async def test_deleting_is_audited_once(world: World) -> None:
    made = world.create(audience="a")
    world.delete(made["id"])
    event = (await world.events())[-1]
    details = json.loads(event["details"])
    assert (event["type"], details["id"], details["before"]["audience"]) == (
        "auth-credential-deleted", made["id"], "a",
    )  # fmt: skip


async def test_a_credential_in_use_stays_and_the_destinations_are_named(world: World) -> None:
    made = world.create()
    world.users[made["id"]] = ["destination-one", "destination-two"]
    answer = world.delete(made["id"])
    assert (answer.status, answer.json["type"]) == (409, "/problems/in_use")
    assert "destination-one, destination-two" in answer.json["detail"]
    assert world.get(made["id"]).status == 200
    assert [event["type"] for event in await world.events()] == ["auth-credential-created"]
    world.users.clear()
    assert world.delete(made["id"]).status == 200


async def test_of_many_destinations_some_are_named(world: World) -> None:
    made = world.create()
    world.users[made["id"]] = [f"destination-{number:02d}" for number in range(50)]
    detail = world.delete(made["id"]).json["detail"]
    assert ("destination-19" in detail, "destination-20" in detail, "and 30 more" in detail) == (True, False, True)

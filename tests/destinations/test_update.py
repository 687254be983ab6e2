"""PATCH: what a good one changes, what it answers, and what the audit trail says of it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.destinations.calls import AZURE, get, patch, patched, path, state
from tests.support.house import House

ONE, TWO = "https://one.example.com/in", "https://two.example.com/in?key=hidden"


def test_only_supplied_fields_change_and_the_whole_destination_comes_back(strict: House) -> None:
    credential = strict.credential()
    made = strict.destination(endpoint=ONE, authCredential=credential)
    answer = patch(strict, made, {"name": "Laboratory"})
    assert (answer.status, answer.json) == (
        200,
        {"meta": {"version": "1.0.0"}, "payload": {"destination": made | {"name": "Laboratory"}}},
    )
    assert get(strict, made) == made | {"name": "Laboratory"}


def test_the_whole_object_has_exactly_the_documented_fields(strict: House) -> None:
    made = strict.destination(endpoint=ONE, authCredential=strict.credential(), verificationToken="t0ken")
    assert list(made) == ["id", "name", "authCredential", "endpoint", "environment", "setupState"]
    assert made["environment"] == {"id": strict.environments["Development"], "environmentFlag": "Development"}
    assert made["setupState"] is None


def test_endpoint_credential_and_token_change_together(strict: House) -> None:
    made = strict.destination(endpoint=ONE)
    given = {"endpoint": TWO, "authCredential": strict.credential()}
    assert patched(strict, made, given | {"verificationToken": "t0ken"}) == made | given


def test_the_documented_example_works(strict: House) -> None:
    made = strict.destination("Production", endpoint=ONE)
    given = {"name": "string", "authCredential": strict.credential("Production"), "endpoint": ONE + "/new"}
    assert patched(strict, made, given | {"verificationToken": "string"}) == made | given


@pytest.mark.parametrize("name", ["x", "é" * 255, "Zürich 🏥", " a ", "0", "null", "<b>&"])
def test_a_name_is_kept_as_it_was_sent(strict: House, name: str) -> None:
    assert patched(strict, strict.destination(), {"name": name})["name"] == name


@pytest.mark.parametrize("token", ["x", "!" * 1024, "~!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}"])
def test_a_token_may_be_any_visible_ascii(strict: House, token: str) -> None:
    assert patch(strict, strict.destination(), {"verificationToken": token}).status == 200


def test_an_id_in_capitals_is_the_same_destination(strict: House) -> None:
    made = strict.destination("Staging", endpoint=ONE)
    changed = patched(strict, made["id"].upper(), {"name": "Laboratory", "verificationToken": "t0ken"})
    assert changed == made | {"name": "Laboratory"}
    assert strict.events(made["id"])[-1]["type"] == "destination-updated"


def test_a_credentials_id_in_capitals_is_the_same_credential(strict: House) -> None:
    credential = strict.credential()
    changed = patched(strict, strict.destination(), {"authCredential": credential.upper()})
    assert changed["authCredential"] == credential


def test_null_detaches_the_credential(strict: House) -> None:
    made = strict.destination(endpoint=ONE, authCredential=strict.credential())
    assert "authCredential" not in patched(strict, made, {"authCredential": None})
    assert "authCredential" not in get(strict, made)


def test_null_clears_the_token(strict: House) -> None:
    made = strict.destination(endpoint=ONE, verificationToken="t0ken")
    assert patched(strict, made, {"verificationToken": None}) == made
    answer = strict.call("POST", path(made) + "/verify")
    assert answer.faults == [("/verificationToken", "required")]


def test_null_for_what_is_not_there_changes_nothing(strict: House) -> None:
    made = strict.destination(endpoint=ONE)
    answer = patch(strict, made, {"authCredential": None, "verificationToken": None})
    assert (answer.status, answer.headers["etag"]) == (200, '"1"')


def test_nothing_sent_changes_nothing(strict: House) -> None:
    made = strict.destination(endpoint=ONE, verificationToken="t0ken")
    before = strict.call("GET", path(made)).headers["etag"]
    answer = patch(strict, made, {})
    assert (answer.status, answer.payload["destination"], answer.headers["etag"]) == (200, made, before)
    assert [event["type"] for event in strict.events(made["id"])] == ["destination-created"]


def test_what_is_there_already_changes_nothing(strict: House) -> None:
    made = strict.destination(endpoint=ONE, authCredential=strict.credential(), verificationToken="t0ken")
    answer = patch(strict, made, made | {"verificationToken": "t0ken"})
    assert (answer.status, answer.payload["destination"], answer.headers["etag"]) == (200, made, '"1"')
    assert [event["type"] for event in strict.events(made["id"])] == ["destination-created"]


def test_a_patch_is_one_commit(strict: House) -> None:
    made, credential = strict.destination(endpoint=ONE, verificationToken="first"), strict.credential()
    strict.token("engineer")
    before = strict.commits
    patched(
        strict, made, {"name": "L", "endpoint": TWO, "authCredential": credential, "verificationToken": "second"}
    )
    assert strict.commits == before + 1


def test_the_audit_event_says_who_did_what_when_and_from_where(strict: House) -> None:
    made = strict.destination(endpoint=ONE)
    answer = patch(strict, made, {"name": "Laboratory"}, by="owner")
    event = strict.events(made["id"])[-1]
    details = {"id": made["id"], "before": {"name": "Ward"}, "after": {"name": "Laboratory"}}
    assert event["details"] == details
    assert (event["type"], event["status"], event["route"]) == (
        "destination-updated",
        "successful",
        f"PATCH {path(made)}",
    )
    assert event["client_id"] == strict.household.clients["owner"]
    assert event["request_id"] == answer.headers["x-request-id"]
    assert event["request_ip"] == "127.0.0.1"
    assert event["environment_id"] == strict.environments["Development"]


def test_the_audit_event_hides_secrets_and_query_strings(strict: House) -> None:
    old, new = strict.credential(), strict.credential()
    made = strict.destination(endpoint=TWO, authCredential=old, verificationToken="first-secret")
    patched(
        strict, made, {"endpoint": ONE + "?key=other", "authCredential": new, "verificationToken": "second-secret"}
    )
    created, updated = strict.events(made["id"])
    assert created["details"]["after"]["verificationToken"] == "changed"
    assert updated["details"] == {
        "id": made["id"],
        "before": {"endpoint": "https://two.example.com/in?…", "authCredential": old},
        "after": {
            "endpoint": "https://one.example.com/in?…",
            "authCredential": new,
            "verificationToken": "changed",
        },
    }
    assert not any(word in str([created, updated]) for word in ("secret", "hidden", "other"))


@pytest.mark.parametrize("given", [{"verificationToken": "another"}, {"verificationToken": None}])
def test_a_change_of_the_token_alone_is_audited_as_changed(strict: House, given: dict[str, Any]) -> None:
    made = strict.destination(verificationToken="t0ken")
    patched(strict, made, given)
    assert strict.events(made["id"])[-1]["details"] == {
        "id": made["id"], "before": {}, "after": {"verificationToken": "changed"},
    }  # fmt: skip


def test_a_refused_patch_leaves_no_event_and_no_change(strict: House) -> None:
    made = strict.destination(endpoint=ONE)
    assert patch(strict, made, {"name": "Laboratory", "endpoint": "http://10.0.0.1/"}).status == 400
    assert get(strict, made) == made
    assert [event["type"] for event in strict.events(made["id"])] == ["destination-created"]


def test_get_and_patch_have_the_same_etag_and_a_change_moves_it(strict: House) -> None:
    made = strict.destination(endpoint=ONE)
    first = strict.call("GET", path(made)).headers["etag"]
    second = patch(strict, made, {"name": "Laboratory"}).headers["etag"]
    assert first != second
    assert strict.call("GET", path(made)).headers["etag"] == second


@pytest.mark.parametrize("condition", ['"1"', '"0", "1"', '"1","2"', "*"])
def test_a_matching_if_match_lets_the_change_happen(strict: House, condition: str) -> None:
    made = strict.destination()
    answer = patch(strict, made, {"name": "Laboratory"}, headers={"if-match": condition})
    assert (answer.status, answer.headers["etag"]) == (200, '"2"')


@pytest.mark.parametrize("condition", ['"0"', '"999"', 'W/"1"', "1", "", '"0", W/"1"', "etag"])
def test_a_stale_if_match_changes_nothing(strict: House, condition: str) -> None:
    made = strict.destination(endpoint=ONE)
    answer = patch(strict, made, {"name": "Laboratory"}, headers={"if-match": condition})
    assert (answer.status, answer.json["type"]) == (412, "/problems/stale")
    assert get(strict, made) == made
    assert len(strict.events(made["id"])) == 1


def test_of_many_who_saw_the_same_version_one_changes_it(strict: House) -> None:
    made = strict.destination(endpoint=ONE)
    strict.token("engineer")

    def change(number: int) -> int:
        return patch(strict, made, {"name": f"Number {number}"}, headers={"if-match": '"1"'}).status

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(change, range(8)))
    assert sorted(statuses) == [200] + [412] * 7
    assert len(strict.events(made["id"])) == 2


def test_changes_at_the_same_time_are_all_kept(strict: House) -> None:
    made, credential = strict.destination(endpoint=ONE), strict.credential()
    strict.token("engineer")
    bodies = [{"name": "Laboratory"}, {"endpoint": TWO}, {"authCredential": credential}]
    with ThreadPoolExecutor(3) as threads:
        assert [answer.status for answer in threads.map(lambda body: patch(strict, made, body), bodies)] == [
            200
        ] * 3
    assert get(strict, made) == made | bodies[0] | bodies[1] | bodies[2]


def test_get_edit_patch_works_for_a_url_destination(strict: House) -> None:
    made = strict.destination(endpoint=ONE, authCredential=strict.credential())
    assert patched(strict, made, get(strict, made) | {"name": "Laboratory"})["name"] == "Laboratory"


def test_get_edit_patch_works_for_a_cloud_destination(strict: House) -> None:
    made = strict.destination(cloudProviderSettings=AZURE, setupState={"step": "authenticate"})
    assert patched(strict, made, get(strict, made) | {"name": "Laboratory"})["name"] == "Laboratory"


def test_a_cloud_destination_takes_name_credential_and_token(strict: House) -> None:
    made = strict.destination(cloudProviderSettings=AZURE)
    given = {"name": "Lake", "authCredential": strict.credential()}
    assert patched(strict, made, given | {"verificationToken": "t0ken"}) == made | given


@pytest.mark.parametrize(
    "given", [{"endpoint": TWO}, {"verificationToken": "another"}, {"verificationToken": None}]
)
def test_a_new_endpoint_or_token_makes_a_verified_destination_stale(
    house: House, verified: dict[str, Any], given: dict[str, Any]
) -> None:
    patched(house, verified, given)
    assert state(house, verified) == "stale"


def test_anything_else_leaves_it_verified(house: House, verified: dict[str, Any]) -> None:
    patched(house, verified, {"name": "Laboratory", "authCredential": house.credential()})
    patched(house, verified, {"endpoint": verified["endpoint"], "verificationToken": "t0ken"})
    assert state(house, verified) == "verified"


def test_an_unverified_destination_stays_unverified(strict: House) -> None:
    made = strict.destination(endpoint=ONE)
    patched(strict, made, {"endpoint": TWO})
    assert state(strict, made) == "unverified"

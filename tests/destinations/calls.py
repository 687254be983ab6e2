"""The operations on one destination, as short as tests want them."""

from typing import Any

from tests.support.house import House
from tests.support.serving import Answer

Made = dict[str, Any]
"""A destination as the API shows it."""

AZURE_SETTINGS: dict[str, Any] = {
    "containerName": "inbox",
    "fileNamePrefix": "ward/",
    "storageAccountName": "clinicdata",
}
AZURE: dict[str, Any] = {"typeId": "azure", "productId": "databricks", "settings": AZURE_SETTINGS}


def path(made: Made | str) -> str:
    return f"/platform/v1/destinations/{made if isinstance(made, str) else made['id']}"


def ours(made: Made | str) -> str:
    return path(made).replace("/platform/", "/waypost/")


def get(house: House, made: Made) -> Made:
    """The destination as it is now."""
    found: Made = house.call("GET", path(made)).payload["destination"]
    return found


def patch(house: House, made: Made | str, body: Any, **more: Any) -> Answer:
    return house.call("PATCH", path(made), body, **more)


def patched(house: House, made: Made | str, body: Any, **more: Any) -> Made:
    """The destination after a PATCH that must be accepted."""
    answer = patch(house, made, body, **more)
    assert answer.status == 200, answer.body
    changed: Made = answer.payload["destination"]
    return changed


def settings(house: House, made: Made) -> Made:
    """What is ours of a destination, as it is now."""
    found: Made = house.call("GET", ours(made)).payload["destination"]
    return found


def state(house: House, made: Made) -> str:
    """The state of the destination's verification."""
    return str(settings(house, made)["verification"]["state"])

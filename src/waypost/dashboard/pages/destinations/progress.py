"""Progress of a destination's set-up: the documented `setupState`, and where to go on with it. Pure."""

from collections.abc import Mapping
from typing import Any

from waypost.destinations.kinds import HTTPS
from waypost.destinations.kinds.kind import CloudKind, Kind
from waypost.destinations.model import Destination

STEPS = ("type", "settings", "credential", "verify")
_CLOUD = "cloudProviderSettings"


def state(
    step: str,
    environment_id: str,
    flag: str,
    name: str,
    kind: Kind,
    *,
    credential: str | None = None,
    draft: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The documented `setupState`."""
    partial: dict[str, Any] = {"name": name, "environment": {"id": environment_id, "environmentFlag": flag}}
    if isinstance(kind, CloudKind):
        partial[_CLOUD] = {"typeId": kind.provider, "productId": kind.product}
        if draft is not None:
            partial[_CLOUD]["settings"] = dict(draft)
    if credential is not None:
        partial["authCredential"] = credential
    return {"step": step, "destination": partial}


def at(found: Destination, step: str) -> dict[str, Any]:
    """The body that saves that the set-up of a destination has come to a step."""
    flag, kind = found.flag.value, found.chosen_kind or HTTPS
    made = state(step, found.environment_id, flag, found.name, kind, credential=found.credential_id)
    return {"setupState": made}


def step_of(found: Destination) -> str:
    """The step to go on with, from what was saved."""
    if not has_place(found):
        return "settings"
    saved = (found.setup_state or {}).get("step")
    return str(saved) if saved in STEPS[1:] else "credential"


def has_place(found: Destination) -> bool:
    """Whether it is said where messages go; the later steps stand on that."""
    return found.endpoint is not None or found.is_cloud


def draft(found: Destination) -> dict[str, Any]:
    """The cloud settings that were typed so far, whether they are right or not; with kind, as the API has them."""
    partial = (found.setup_state or {}).get("destination") or {}
    typed = partial.get(_CLOUD)
    return typed if isinstance(typed, dict) else {}

"""The table of kinds: one file each, one line each."""

from collections.abc import Mapping
from typing import Any

from waypost.destinations.kinds import azure, gcs, https, s3
from waypost.destinations.kinds.kind import CloudKind, Kind

HTTPS: Kind = https.KIND

CLOUD: Mapping[tuple[str, str], CloudKind] = {
    (kind.provider, kind.product): kind
    for kind in (
        azure.KIND,
        s3.KIND,
        gcs.KIND,
    )
}  # fmt: skip


def kind_of(cloud: Mapping[str, Any] | None) -> Kind | None:
    """The kind of a destination with these `cloudProviderSettings`; None when they name no kind."""
    if cloud is None:
        return HTTPS
    named = cloud.get("typeId"), cloud.get("productId")
    return next((kind for pair, kind in CLOUD.items() if pair == named), None)

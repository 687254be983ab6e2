"""The reference page of kinds, drawn from their declarations: `python -m waypost.destinations.kinds.page`."""

import json
import sys

from waypost.destinations.kinds import CLOUD, HTTPS
from waypost.destinations.kinds.kind import CloudKind, Kind

INTRODUCTION = """\
# Destination kinds

*Made from the declarations in `src/waypost/destinations/kinds`: `python -m waypost.destinations.kinds.page`.*

A destination is of one kind for good: HTTPS when it has an `endpoint`, a cloud kind when it has
`cloudProviderSettings`. Whatever its kind, messages go one after the other in each queue, a failure holds the
queue with its reason, and everything passes the one egress policy, with the destination's own TLS settings.
"""
OBJECTS = """\
## Objects

Every message is one object, written whole, and never over another:

    <fileNamePrefix><data model, spaces as ->/<subscription id>/<date, UTC>/<20-digit sequence>-<log id>.json

The date is that of the acceptance; the data model is spelled as in the subscription. Inside one subscription names
sort as sent. In a store over HTTP the content type is `application/json`, and the metadata is `source`,
`datamodel`, `eventtype`, `logid`, `sequence` and `length` (bytes), percent-encoded where a header cannot carry a
value.

If the name is there already, Waypost looks at the object: with this message's log id, and as long as its metadata
says, it counts as delivered, because an attempt that was cut off has put it there; else the queue holds.

Where a kind takes credentials, its destinations need one: without it their queues hold. Where the store is, the
operator says, never the tenant. Verify destination writes `_waypost-probe-<uuid>` into the folder of the prefix,
looks at it and removes it.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, _section(HTTPS), OBJECTS, *(_section(kind) for kind in CLOUD.values())])


def _section(kind: Kind) -> str:
    lines = [f"## {kind.title}", "", kind.about, ""]
    if isinstance(kind, CloudKind):
        lines += [f"`typeId` is `{kind.provider}`, `productId` is `{kind.product}`.", ""]
    lines += ["| Setting | Required | What it is |", "|---|---|---|"]
    for name, info in kind.settings.model_fields.items():
        lines.append(f"| `{name}` | {'yes' if info.is_required() else 'no'} | {info.description} |")
    lines += ["", f"Credentials: {kind.accepted}.", ""]
    if isinstance(kind, CloudKind):
        lines += [f"What must be allowed: {kind.needs}", ""]
        lines += [f"The operator says where the store is, by `{kind.variable}`. An example:", ""]
        lines += ["```json", json.dumps(kind.named(kind.example), indent=2), "```", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(page())

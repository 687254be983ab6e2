"""The links of the OpenAPI document: what an answer names, and which operations take it.

Whoever reads the document, a person or a tool that tries the API, sees how to go on from what was made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Onward:
    """From one answer of an operation: the parameter, where the answer has it, and who takes it.

    `kept` are parameters of the request's own path that those operations take as well.
    """

    source: str
    status: int
    parameter: str
    pointer: str
    targets: tuple[str, ...]
    kept: tuple[str, ...] = field(default=())


LINKS = (
    Onward(
        "createDestination", 201, "destinationId", "/payload/destination/id",
        (
            "getDestination", "updateDestination", "verifyDestination", "changeWebhookSigningSecret",
            "sendSampleDataset", "getDestinationSettings", "updateDestinationSettings", "putDestinationSetup",
            "getDeliveries", "deleteDestination",
        ),
    ),
    Onward("createSource", 201, "sourceId", "/payload/source/id", ("getSource", "updateSource", "deleteSource")),
    Onward(
        "createSubscription", 201, "subscriptionId", "/payload/subscription/id",
        ("getSubscription", "updateSubscription", "deleteSubscription"),
    ),
    Onward("createApiKey", 201, "apikeyId", "/payload/apikey/id", ("getApiKey", "updateApiKey", "deleteApiKey")),
    Onward(
        "createAuthCredential", 201, "id", "/payload/credential/id",
        (
            "getAuthCredential", "updateAuthCredential", "getCredentialKeys", "getCredentialIssuer",
            "deleteAuthCredential",
        ),
    ),
    Onward(
        "getQueues", 200, "queueId", "/payload/queues/0/queueId",
        ("getQueue", "pauseQueue", "resumeQueue", "retryQueue", "skipHead"),
    ),
    Onward("searchMetadata", 200, "logId", "/payload/results/0/id", ("getPayload", "getAttempts", "replayLog")),
    Onward("replayLogs", 201, "replayId", "/payload/replay/id", ("getReplay",), kept=("environmentId",)),
)  # fmt: skip


def add(document: Mapping[str, Any]) -> None:
    """Put the links into a document, those between operations that are in it."""
    operations = {
        operation.get("operationId"): operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    for links in LINKS:
        if links.source in operations:
            response = operations[links.source]["responses"][str(links.status)]
            response["links"] = {one: _link(links, one) for one in links.targets if one in operations}


def _link(links: Onward, target: str) -> dict[str, Any]:
    parameters = {name: f"$request.path.{name}" for name in links.kept}
    parameters[links.parameter] = f"$response.body#{links.pointer}"
    return {"operationId": target, "parameters": parameters}

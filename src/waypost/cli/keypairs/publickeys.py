"""Where a client's public keys come from: a pair made here, a JWKS file, or a URL that is fetched later."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waypost.cli.keypairs import keyfiles
from waypost.cli.terminal.output import Failure
from waypost.folder import Folder


@dataclass(frozen=True, slots=True)
class Keys:
    """Public keys for a new client; `pair` is there when the private one was made here."""

    jwks_url: str | None = None
    jwk_set: dict[str, Any] | None = None
    pair: keyfiles.KeyPair | None = None

    @property
    def params(self) -> dict[str, Any]:
        """As an act takes them."""
        return {"jwksURL": self.jwks_url, "jwkSet": self.jwk_set}


def given_or_new(source: str | None) -> Keys:
    """The keys at a URL or in a file, or a fresh pair where nothing is given. Raises Failure."""
    if source is None:
        pair = keyfiles.new_pair()
        return Keys(jwk_set=pair.jwks, pair=pair)
    if source.startswith(("http://", "https://")):
        return Keys(jwks_url=source)
    return Keys(jwk_set=_read(Path(source)))


def shown(
    folder: Folder,
    keys: Keys,
    client_id: str,
    *,
    user: tuple[int, str] | None = None,
    environment: str | None = None,
) -> dict[str, Any]:
    """The `apiKey` that a command answers; a private key made here is written to its file first."""
    if keys.pair is None:
        return of_elsewhere(keys, client_id)
    path = keyfiles.keep(folder, client_id, keys.pair, user=user, environment_id=environment)
    kid = keys.pair.private["kid"]
    return {"clientId": client_id, "kid": kid, "alg": keyfiles.ALGORITHM, "privateKeyFile": str(path)}


def of_elsewhere(keys: Keys, client_id: str) -> dict[str, Any]:
    """The `apiKey` of a client whose private key is not here."""
    first = (keys.jwk_set or {}).get("keys", [{}])[0]
    return {"clientId": client_id, "kid": first.get("kid"), "alg": first.get("alg"), "privateKeyFile": None}


def _read(path: Path) -> dict[str, Any]:
    """A JWKS file, or one JWK as a set. Raises Failure."""
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        raise Failure(f"{path} is not JSON.") from None
    if not isinstance(found, dict) or not {"keys", "kty"} & found.keys():
        raise Failure(f"{path} is neither a JWK set nor a JWK.")
    return found if "keys" in found else {"keys": [found]}

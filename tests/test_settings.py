"""Settings that need one another, and those that come from files."""

from pathlib import Path
from typing import Any

import pytest

from waypost.settings import SettingsInvalid, load

ISSUER = "https://login.example.org/realms/clinic/"


def test_an_issuer_is_kept_to_the_last_slash() -> None:
    assert load(oidc_issuer=ISSUER, oidc_client_id="waypost").oidc_issuer == ISSUER


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"oidc_issuer": ISSUER}, "WAYPOST_OIDC_ISSUER and WAYPOST_OIDC_CLIENT_ID go together"),
        ({"oidc_client_id": "waypost"}, "WAYPOST_OIDC_ISSUER and WAYPOST_OIDC_CLIENT_ID go together"),
        ({"oidc_issuer": "http://login.example.org", "oidc_client_id": "a"}, "WAYPOST_OIDC_ISSUER: "),
        ({"oidc_issuer": "https://login.example.org?x=1", "oidc_client_id": "a"}, "WAYPOST_OIDC_ISSUER: "),
        ({"oidc_issuer": "login.example.org", "oidc_client_id": "a"}, "WAYPOST_OIDC_ISSUER: "),
        ({"oidc_client_secret_file": Path("/no/such/file")}, "WAYPOST_OIDC_CLIENT_SECRET_FILE: "),
    ],
)
def test_an_identity_provider_that_cannot_be_used_is_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(**given)
    assert words in str(caught.value)


def test_a_provider_on_loopback_may_do_without_tls() -> None:
    assert load(oidc_issuer="http://127.0.0.1:9000/realm", oidc_client_id="waypost")


def test_the_clients_secret_comes_from_the_variable_or_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("the-secret\n")

    assert load(oidc_client_secret="another").oidc_secret == "another"
    assert load(oidc_client_secret_file=file).oidc_secret == "the-secret"
    assert load().oidc_secret is None
    with pytest.raises(SettingsInvalid) as caught:
        load(oidc_client_secret_file=file, oidc_client_secret="another")
    assert "exclude each other" in str(caught.value)
    file.write_text(" \n")
    with pytest.raises(SettingsInvalid):
        load(oidc_client_secret_file=file)


def test_a_secret_is_in_no_picture_of_the_settings() -> None:
    assert "the-secret" not in repr(load(oidc_client_secret="the-secret"))

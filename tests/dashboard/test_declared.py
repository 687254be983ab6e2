"""Forms drawn from declarations: whatever an engineer can send by the API, the form sends the same."""

from typing import Any

import pytest

from tests.conftest import SetClock
from tests.credentials.strategies.cases import CASES
from waypost.credentials.strategies import STRATEGIES
from waypost.dashboard.html import declared
from waypost.dashboard.html.forms import Form
from waypost.destinations.kinds import CLOUD, HTTPS

OAUTH = STRATEGIES["OAuth_2.0_2-legged"]


def typed(values: dict[str, Any]) -> Form:
    """The form as a browser sends it when these values are typed in."""

    def text(value: Any) -> str:
        return "\r\n".join(value) if isinstance(value, list) else str(value)

    return Form({name: [text(value)] for name, value in values.items() if value is not False})


@pytest.mark.parametrize("name", CASES)
def test_a_new_credential_is_what_was_typed(name: str, clock: SetClock) -> None:
    with CASES[name](clock) as running:
        fields = declared.of_strategy(STRATEGIES[name], {})
        there = {each.field: each.value for each in fields if each.look == "tick" and each.value}
        sent = running.fields | ({"lifetime": "600s"} if "lifetime" in running.fields else {})
        defaults = {each.field: each.default for each in fields}
        meant = {field: value for field, value in sent.items() if value != defaults[field]}
        assert declared.body(typed(there | sent), fields, {}) == meant


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=lambda each: each.name)
def test_every_declared_field_is_on_the_form_with_its_description(strategy: Any) -> None:
    fields = {each.field: each for each in declared.of_strategy(strategy, {})}
    assert set(fields) == set(strategy.available)
    assert {name for name, each in fields.items() if each.is_secret} == strategy.secrets
    assert all(each.hint and each.label for each in fields.values())
    assert all(each.is_first for each in fields.values() if each.is_required)


@pytest.mark.parametrize("kind", [HTTPS, *CLOUD.values()], ids=lambda each: each.name)
def test_every_setting_of_a_kind_is_on_its_form(kind: Any) -> None:
    fields = declared.of_kind(kind, {})
    assert [each.field for each in fields] == list(kind.settings.model_fields)
    assert [each.field for each in fields if each.is_secret] == (["verificationToken"] if kind is HTTPS else [])


def test_what_is_left_as_it_is_changes_nothing() -> None:
    settings = {"grantType": "client_credentials", "url": "https://x.example.com/token", "noBasic": True}
    fields = declared.of_strategy(OAUTH, settings, {"clientSecret"})
    form = Form({each.name: [each.value] for each in fields if each.look != "tick" or each.value})
    assert declared.body(form, fields, settings) == settings


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        ({"scopes": [""]}, {"scopes": None}),
        ({"scopes": ["a b"]}, {"scopes": "a b"}),
        ({"audience": [""]}, {}),
        ({"defaultExpirationSeconds": ["60"]}, {"defaultExpirationSeconds": 60}),
        ({"defaultExpirationSeconds": ["soon"]}, {"defaultExpirationSeconds": "soon"}),
        ({"noBasic": ["on"]}, {"noBasic": True}),
        ({"contentType": ["application/x-www-form-urlencoded"]}, {}),
        ({"contentType": ["application/json"]}, {"contentType": "application/json"}),
        ({"clientSecret": [""]}, {}),
        ({"clientSecret": [" new "]}, {"clientSecret": " new "}),
        ({"clientSecret": [""], "clear": ["clientSecret"]}, {"clientSecret": None}),
        ({"clientSecret": ["new"], "clear": ["clientSecret"]}, {"clientSecret": "new"}),
        ({"clear": ["url"]}, {}),
    ],
)
def test_each_field_says_what_changes(sent: dict[str, list[str]], body: dict[str, Any]) -> None:
    settings = {"scopes": "read"}
    fields = declared.of_strategy(OAUTH, settings, {"clientSecret"})
    assert declared.body(Form(sent), fields, settings) == body


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("clientSecret", "Client secret"),
        ("url", "URL"),
        ("token_url", "Token URL"),
        ("includeJKU", "Include JKU"),
        ("awsRegion", "AWS region"),
        ("auth_provider_x509_cert_url", "Auth provider X.509 cert URL"),
        ("private_key_id", "Private key ID"),
    ],
)
def test_labels_are_words(name: str, label: str) -> None:
    assert declared.label(name) == label


def test_descriptions_are_escaped() -> None:
    assert declared.coded("A `b <i>` (ours) & c.") == "A <code>b &lt;i&gt;</code> &amp; c."


@pytest.mark.parametrize(("typed_in", "sent"), [("a b", "a b"), ("a\r\n\r\nb", ["a", "b"])])
def test_a_list_that_may_be_text_is_text_on_one_line(typed_in: str, sent: Any) -> None:
    fields = declared.of_strategy(STRATEGIES["GoogleWIF"], {})
    assert declared.body(Form({"scope": [typed_in]}), fields, {}) == {"scope": sent}
    assert declared.body(Form({"delegates": ["d@project"]}), fields, {}) == {"delegates": ["d@project"]}


def test_a_switch_that_is_on_by_default_is_on_in_a_new_form() -> None:
    fields = declared.of_strategy(STRATEGIES["SMART_Backend"], {})
    (switch,) = [each for each in fields if each.field == "includeJKU"]
    assert switch.value == "on"
    assert declared.body(Form({"includeJKU": ["on"]}), fields, {}) == {}
    assert declared.body(Form({}), [switch], {}) == {"includeJKU": False}

"""From a posted form to the body that a service takes, and what a form shows when it was refused."""

from typing import Any

import pytest

from waypost.dashboard.html import forms
from waypost.dashboard.html.forms import Field, Form, FormState
from waypost.errors import Conflict, Fault, Invalid, Stale


@pytest.mark.parametrize(
    ("field", "sent", "body"),
    [
        (forms.text("name"), b"name=+Ward+", {"name": "Ward"}),
        (forms.text("name"), b"name=", {"name": ""}),
        (forms.text("name"), b"", {}),
        (forms.optional("endpoint"), b"endpoint=+", {}),
        (forms.optional("endpoint"), b"endpoint=https%3A%2F%2Fa", {"endpoint": "https://a"}),
        (forms.nullable("authCredential"), b"authCredential=", {"authCredential": None}),
        (forms.nullable("authCredential"), b"", {}),
        (forms.secret("token"), b"token=", {}),
        (forms.secret("token"), b"token=+a+", {"token": " a "}),
        (forms.secret("key"), b"key=one%0D%0Atwo", {"key": "one\ntwo"}),
        (forms.lines("hosts"), b"hosts=a%0D%0A%0D%0A+b", {"hosts": ["a", "b"]}),
        (forms.lines("hosts"), b"", {"hosts": []}),
        (forms.numbers("ports"), b"ports=443%2C+8443%0D%0Axy", {"ports": [443, 8443, "xy"]}),
        (forms.chosen("roles"), b"roles=a&roles=b&roles=", {"roles": ["a", "b"]}),
        (forms.integer("after"), b"after=3", {"after": 3}),
        (forms.integer("after"), b"after=", {}),
        (forms.integer("after"), b"after=three", {"after": "three"}),
        (forms.integer("after"), b"after=" + b"9" * 5000, {"after": "9" * 5000}),
        (forms.decimal("days"), b"days=1.5", {"days": 1.5}),
        (forms.decimal("days"), b"days=x", {"days": "x"}),
        (forms.boolean("asBearer"), b"asBearer=on", {"asBearer": True}),
        (forms.boolean("asBearer"), b"", {"asBearer": False}),
        (forms.fixed("datasetId", "adt"), b"datasetId=other", {"datasetId": "adt"}),
        (forms.optional("tls/caCertificate"), b"tls%2FcaCertificate=x", {"tls": {"caCertificate": "x"}}),
        (forms.optional("tls/caCertificate"), b"", {}),
    ],
)
def test_a_field_becomes_a_value_of_the_body(field: Field, sent: bytes, body: dict[str, Any]) -> None:
    assert forms.body(forms.parsed(sent), field) == body


@pytest.mark.parametrize("sent", [b"\xff", b"&".join(b"a=1" for _ in range(501))])
def test_what_is_no_form_is_refused(sent: bytes) -> None:
    with pytest.raises(Invalid):
        forms.parsed(sent)


def test_a_form_has_its_faults_beside_their_fields_and_inner_ones_too() -> None:
    state = FormState(
        {}, [Fault("/tls/caCertificate", "invalid", "No PEM."), Fault("/name", "blank", "Too short.")]
    )
    assert state.fault("tls/caCertificate") == "No PEM."
    assert state.fault("tls") == "No PEM."
    assert state.fault("name") == "Too short."
    assert state.fault("nam") == ""


def test_a_form_is_filled_again_but_never_with_secrets() -> None:
    form = Form({"csrf": ["x"], "name": ["Ward"], "verificationToken": ["t"], "roles": ["a", "b"]})
    state = FormState(forms.given(form, "verificationToken"))
    assert state.values == {"name": "Ward", "roles": "a\nb"}
    assert state.value("verificationToken") == ""
    assert state.ticked("roles", "b")
    assert not state.ticked("roles", "c")


def test_a_refused_form_says_why_beside_its_fields_or_above_them() -> None:
    form = Form({"csrf": ["x"], "name": ["Ward"], "secret": ["s"]})
    beside = forms.refused(form, Invalid([Fault("/name", "taken", "There is one.")]), "secret")
    assert (beside.values, beside.fault("name"), beside.headline) == ({"name": "Ward"}, "There is one.", "")
    above = forms.refused(form, Conflict("It is in use."))
    assert (above.values, above.faults, above.headline) == ({"name": "Ward", "secret": "s"}, (), "It is in use.")
    assert "Somebody has changed this" in forms.refused(form, Stale("Another version.")).headline


def test_a_tick_has_its_default_only_before_anything_was_sent() -> None:
    assert FormState().ticked("asBearer", default=True)
    assert not FormState({"name": "Ward"}).ticked("asBearer", default=True)

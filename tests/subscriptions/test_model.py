"""How data models are compared."""

import pytest

from waypost.subscriptions.model import model_key


@pytest.mark.parametrize(
    "spelt", ["Clinical Summary", "ClinicalSummary", "clinicalsummary", " CLINICAL  SUMMARY "]
)
def test_case_and_spaces_do_not_count(spelt: str) -> None:
    assert model_key(spelt) == "clinicalsummary"


def test_all_else_counts() -> None:
    assert model_key("FHIR.Message") != model_key("FHIRMessage")

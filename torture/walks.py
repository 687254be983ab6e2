"""Walks along the links of the OpenAPI document: what one answer names, the next request asks about."""

from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from schemathesis.core.transport import Response
from schemathesis.generation.stateful import run_state_machine_as_test
from schemathesis.generation.stateful.state_machine import StepInput, StepOutput

from torture.contract import ACase, Contract

MOST_STEPS = 8


def walk(contract: Contract, walks: int, number: int) -> None:
    """So many walks of a few steps each; the same ones for the same number. Answers are counted by `contract`."""
    contract.scene.refresh()
    machine = contract.schema.as_state_machine()

    class Walk(machine):  # type: ignore[misc, valid-type]
        def step(self, input: StepInput) -> StepOutput:
            given = {name for _, name in input.applied_parameters if name is not None}
            contract.aim(input.case, but=given)
            input.case.body = contract.scene.aim(input.case.body)
            step: StepOutput = super().step(input)
            return step

        def call(self, case: ACase, **_: Any) -> Response:
            return contract.send(case, "right")

        def validate_response(self, response: Response, case: ACase, **_: Any) -> None:
            contract.judge(case, response)

    run_state_machine_as_test(
        seed(number)(Walk),
        settings=settings(
            max_examples=walks,
            stateful_step_count=MOST_STEPS,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )

"""Walks along the links of the OpenAPI document: what one answer names, the next request asks about."""

import contextlib
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.core.transport import Response
from schemathesis.generation.stateful import run_state_machine_as_test
from schemathesis.generation.stateful.state_machine import StepInput, StepOutput

from torture.contract import ACase, Contract

MOST_STEPS = 8
AT_ONCE = 6


def walk(contract: Contract, walks: int, number: int) -> None:
    """So many walks of a few steps each; the same ones for the same number. Answers are counted by `contract`."""
    contract.scene.refresh()
    machine = contract.schema.as_state_machine()

    class Walk(machine):  # type: ignore[misc, valid-type]
        def step(self, input: StepInput) -> StepOutput:
            self.by_link = input.transition is not None
            given = {name for _, name in input.applied_parameters if name is not None}
            contract.aim(input.case, but=given)
            input.case.body = contract.scene.aim(input.case.body)
            step: StepOutput = super().step(input)
            return step

        def call(self, case: ACase, **_: Any) -> Response:
            return contract.send(case, "right")

        def validate_response(self, response: Response, case: ACase, **_: Any) -> None:
            contract.judge(case, response, by_link=self.by_link)

    for at in range(0, walks, AT_ONCE):
        # Where a walk leads depends on what the store has by now: drawing the same again may end elsewhere.
        with contextlib.suppress(FlakyStrategyDefinition):
            run_state_machine_as_test(
                seed(number * 1_000 + at)(Walk),
                settings=settings(
                    max_examples=AT_ONCE,
                    stateful_step_count=MOST_STEPS,
                    database=None,
                    deadline=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                ),
            )

"""Conformance of the HTTP interface with its OpenAPI description, tested with schemathesis."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance
from serving import TIMEOUT_S, Server


def fuzz(server: Server, examples: int) -> set[tuple[str, int]]:
    """Call each operation `examples` times, and return path and status of the responses."""
    schema = schemathesis.openapi.from_url(f"{server.address}/openapi.json", timeout=TIMEOUT_S)
    schema.config.generation.update(modes=list(GenerationMode))
    responses: set[tuple[str, int]] = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def call(case: Case[Any]) -> None:
            # The schema allows files that cannot be digitized.
            response = case.call_and_validate(timeout=TIMEOUT_S, excluded_checks=[positive_data_acceptance])
            responses.add((case.path, response.status_code))

        call()
    return responses


def test_responses_match_the_openapi_description(server: Server) -> None:
    responses = fuzz(server, 8)
    assert {path for path, _ in responses} >= {"/v1/digitize", "/v1/digitize/stream", "/v1/about", "/metrics"}
    assert not {status for _, status in responses} & {500, 501, 503, 504}


@pytest.mark.slow
def test_many_more_responses_match_the_openapi_description(server: Server) -> None:
    assert not {status for _, status in fuzz(server, 150)} & {500, 501, 503, 504}

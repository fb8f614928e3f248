"""The interface keeps its own word: schemathesis asks what its OpenAPI description allows, and what not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance
from serving import PATIENCE_S, Server, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


def fuzz(server: Server, examples: int) -> set[tuple[str, int]]:
    """Ask each operation so often, and give the statuses that came."""
    schema = schemathesis.openapi.from_url(f"{server.address}/openapi.json", timeout=PATIENCE_S)
    schema.config.generation.update(modes=list(GenerationMode))
    seen: set[tuple[str, int]] = set()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Case[Any]) -> None:
            # A file that a schema allows need not be a page that can be read.
            answer = case.call_and_validate(timeout=PATIENCE_S, excluded_checks=[positive_data_acceptance])
            seen.add((case.path, answer.status_code))

        ask()
    return seen


def test_answers_are_as_described(server: Server) -> None:
    seen = fuzz(server, 8)
    assert {path for path, _ in seen} >= {"/v1/digitize", "/v1/digitize/stream", "/v1/about", "/metrics"}
    assert not {status for _, status in seen} & {500, 501, 503, 504}


@pytest.mark.slow
def test_many_more_answers_are_as_described(server: Server) -> None:
    assert not {status for _, status in fuzz(server, 150)} & {500, 501, 503, 504}

"""Tests of false_alarms.py: status and accuracy of constructed results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from false_alarms import page_db, status_verdict
from paper_page import digitized_page, signals

from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.evaluation.truth import Truth
from ecgdigit_rt.results import PageRef, failed_from_error

SOURCE = PageRef(Path("a.png"))
PAGE = digitized_page(SOURCE, signals(1))
FAILED = failed_from_error(SOURCE, NoGridFound())
TRUTH = Truth("a", 500.0, signals(1))


def test_status_is_the_verdict() -> None:
    doubtful = replace(PAGE, doubts=(Doubt("D-RATE-01", "a contradiction"),))
    assert str(status_verdict(PAGE, None)).split() == ["digitized", "3x4+1"]
    assert str(status_verdict(doubtful, 12.345)).split() == ["doubtful", "12.35", "dB", "D-RATE-01"]
    assert str(status_verdict(FAILED, 0.0)).split() == ["failed", NoGridFound.id]


def test_db_of_right_attenuated_and_failed_pages() -> None:
    attenuated = digitized_page(SOURCE, {name: 0.9 * (mv - mv.mean()) for name, mv in signals(1).items()})
    centred = Truth("a", 500.0, {name: mv - mv.mean() for name, mv in signals(1).items()})
    assert page_db(TRUTH, PAGE) > 60
    assert page_db(centred, attenuated) == pytest.approx(20, abs=0.01)
    assert page_db(TRUTH, FAILED) == 0

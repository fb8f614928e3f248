"""Fixtures of the format tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from format_runs import NAMES, ProvenanceDigitizer
from paper_page import scans_folder


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pages with known truth and one that fails; the working directory is their parent folder."""
    folder = scans_folder(tmp_path, monkeypatch, NAMES, ProvenanceDigitizer)
    (folder / "03_bad.png").touch()
    return folder

"""Status and doubts in the output tensors of the model `ecgdigit`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from doubtful_pages import DOUBTS, doubtful_page

from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.results import PageRef, Result, failed_from_error
from ecgdigit_rt.triton.ports import OUTPUTS, outputs_from_results
from ecgdigit_rt.triton.repository import RepositoryRequest, write_repository

TEXTS = [str(doubt).encode() for doubt in DOUBTS]


def test_each_page_has_a_status_and_its_doubts() -> None:
    page = doubtful_page()
    results: list[Result] = [
        replace(page, doubts=()),
        page,
        failed_from_error(PageRef(Path("x")), NoGridFound()),
        replace(page, doubts=DOUBTS[:1]),
    ]
    outputs = outputs_from_results(results, ["status", "doubts"])
    assert outputs["status"].tolist() == [[b"digitized"], [b"doubtful"], [b"failed"], [b"doubtful"]]
    assert outputs["doubts"].tolist() == [[b"", b""], TEXTS, [b"", b""], [TEXTS[0], b""]]


def test_pages_without_doubts_have_an_empty_text() -> None:
    outputs = outputs_from_results([replace(doubtful_page(), doubts=())], ["doubts"])
    assert outputs["doubts"].tolist() == [[b""]]


def test_the_repository_describes_the_outputs(tmp_path: Path) -> None:
    write_repository(RepositoryRequest(), tmp_path / "models")
    configuration = (tmp_path / "models" / "ecgdigit" / "config.pbtxt").read_text(encoding="utf-8")
    readme = (tmp_path / "models" / "README.md").read_text(encoding="utf-8")
    assert {"status", "doubts"} <= {port.name for port in OUTPUTS}
    for name in ("status", "doubts"):
        assert f'"{name}"' in configuration
        assert f"| out | `{name}` | BYTES |" in readme

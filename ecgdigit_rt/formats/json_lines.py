"""`json`: one file of JSON Lines, an object per page. `page.schema.json` beside this module is its schema.

| key | what |
|---|---|
| schema_version, id, source, page | 2; the page's id; its file; which page of the file, from 1 |
| status | digitized, partial (leads are missing) or failed |
| software, models, device | what read it; null where nobody knows |
| unit, duration_s, layout, missing, expected_db, quality, notes | of the page as a whole |
| leads | lead → samples, rate_hz, start_s, end_s, duration_s, confidence, expected_error_mv, mv |
| error_id, message, hint | of a page that failed, in place of all from `software` on |

`mv` is what was printed and nothing else, from `start_s` on, at 5 decimals (10 nanovolt).
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import numpy as np

from ecgdigit_rt.atomic_files import atomic_text_file, reraise_as_output_error
from ecgdigit_rt.formats.metadata import failed_facts, lead_facts, page_facts
from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.formats.writer import OutputDestination
from ecgdigit_rt.results import Failed, Lead, Result


class JsonLines:
    """A line goes out as its page comes; the file appears at the end."""

    def __init__(self, to: OutputDestination) -> None:
        self._to = to
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._text = self._open.enter_context(atomic_text_file(self._to.path, self._to.stream))
        return self

    def write(self, page_id: str, result: Result) -> None:
        line = json.dumps(_object(page_id, result), ensure_ascii=False, allow_nan=False)
        with reraise_as_output_error(self._to.path):
            self._text.write(line + "\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)


def _object(page_id: str, result: Result) -> dict[str, object]:
    if isinstance(result, Failed):
        return failed_facts(result, page_id)
    leads = [result.leads[name] for name in lead_names(result)]
    with_values = {lead.name: {**lead_facts(lead), "mv": _values(lead)} for lead in leads}
    return {**page_facts(result, page_id), "leads": with_values}


def _values(lead: Lead) -> list[float]:
    values: list[float] = (np.round(lead.mv.astype(np.float64), 5) + 0.0).tolist()
    return values

"""Real twelve-lead recordings to draw: an npz, or a folder of WFDB records such as PTB-XL as downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.signals import DURATION_S, RATE_HZ, Signals, with_derived_leads
from ecgdigit_rt.errors import DependencyMissing, RecordingsUnusable
from ecgdigit_rt.resample import resample
from ecgdigit_rt.results import LEADS

SAMPLES = RATE_HZ * DURATION_S
_INDEPENDENT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
_GOOD_RATE_HZ = 250.0
"""Records below this are left out where others are at hand: PTB-XL has each at 100 and at 500 Hz."""


class Recordings(Protocol):
    """Recordings by number, each (12, 5000) float32 mV at 500 Hz in the order of `LEADS`."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Signals: ...


def open_recordings(path: Path) -> Recordings:
    """Recordings of a folder of WFDB records or of an npz.

    An npz holds `signals_mv` (count, 12, samples) in the order of `LEADS` with `rate_hz`, or `delta_uv`
    (count, 8, 5000), first differences in microvolt of I, II, V1 to V6 at 500 Hz.
    Raises RecordingsUnusable, and DependencyMissing for WFDB without the extra `wfdb`.
    """
    return WfdbFolder(path) if path.is_dir() else NpzRecordings(path)


class NpzRecordings:
    """All of an npz in memory."""

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as data:
                arrays = {name: data[name] for name in data.files}
        except (OSError, ValueError) as error:
            raise RecordingsUnusable(path, str(error)) from error
        if "delta_uv" in arrays:
            eight = np.cumsum(arrays["delta_uv"], axis=2, dtype=np.int32).astype(np.float32) / 1000
            self._all = [with_derived_leads(one) for one in eight]
        elif {"signals_mv", "rate_hz"} <= set(arrays):
            mv, rate_hz = arrays["signals_mv"], float(arrays["rate_hz"])
            if mv.ndim != 3 or mv.shape[1] != len(LEADS):
                raise RecordingsUnusable(path, f"signals_mv is {mv.shape}, not (count, 12, samples)")
            if mv.shape[2] < rate_hz * DURATION_S:
                raise RecordingsUnusable(path, f"shorter than {DURATION_S} s")
            self._all = [_at_rate(one, rate_hz) for one in mv]
        else:
            raise RecordingsUnusable(path, f"it holds {', '.join(arrays) or 'nothing'}")
        if not self._all:
            raise RecordingsUnusable(path, "it is empty")

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, index: int, /) -> Signals:
        return self._all[index]


class WfdbFolder:
    """The twelve-lead records of a folder and all below it, read one at a time, their first ten seconds.

    Left out are records without the leads I, II and V1 to V6, shorter ones, and ones below 250 Hz where
    there are others.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import wfdb
        except ModuleNotFoundError as error:
            raise DependencyMissing("wfdb", f"recordings of {folder}", "wfdb") from error
        self._read = wfdb.rdsamp
        found = []
        for path in sorted(folder.rglob("*.hea")):
            record = str(path.with_suffix(""))
            try:
                header = wfdb.rdheader(record)
            except (OSError, ValueError, IndexError) as error:
                raise RecordingsUnusable(path, f"no WFDB header: {error}") from error
            names = {name.upper() for name in header.sig_name or ()}
            long_enough = header.sig_len is not None and header.sig_len >= header.fs * DURATION_S
            if long_enough and {name.upper() for name in _INDEPENDENT} <= names:
                found.append((record, float(header.fs)))
        good = [record for record, rate_hz in found if rate_hz >= _GOOD_RATE_HZ]
        self._records = good or [record for record, _ in found]
        if not self._records:
            problem = f"no record of {DURATION_S} s with {', '.join(_INDEPENDENT)}"
            raise RecordingsUnusable(folder, problem)

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int, /) -> Signals:
        record = self._records[index]
        samples, facts = self._read(record)
        leads = _in_mv(samples, facts["units"], record)
        columns = {name.upper(): leads[k] for k, name in enumerate(facts["sig_name"])}
        if {name.upper() for name in LEADS} <= set(columns):
            found = np.stack([columns[name.upper()] for name in LEADS])
        else:
            found = with_derived_leads(np.stack([columns[name.upper()] for name in _INDEPENDENT]))
        return _at_rate(found, float(facts["fs"]))


def _in_mv(samples: NDArray[np.float64], units: Sequence[str], record: str) -> NDArray[np.float64]:
    """(leads, samples) in mV, missing samples as 0. Raises RecordingsUnusable for a unit of another kind."""
    scales = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "v": 1e3}
    unknown = {unit for unit in units if unit.lower() not in scales}
    if unknown:
        raise RecordingsUnusable(Path(record), f"units {', '.join(sorted(unknown))}")
    by_lead = np.array([[scales[unit.lower()]] for unit in units])
    return np.asarray(np.nan_to_num(samples.T) * by_lead, np.float64)


def _at_rate(leads: NDArray[np.floating], rate_hz: float) -> Signals:
    """The first ten seconds (leads, samples) at 500 Hz."""
    return np.stack([resample(lead, rate_hz, RATE_HZ, SAMPLES) for lead in leads]).astype(np.float32)

"""Twelve-lead recordings from an npz file, or from a folder of WFDB records such as PTB-XL."""

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
_MIN_RATE_HZ = 250.0
"""Minimum sampling rate of a record, unless the rates of all records are lower. Hand-picked, not tuned.

PTB-XL contains each record at 100 and at 500 Hz, of which only the latter is used.
"""


class Recordings(Protocol):
    """Sequence of recordings, each (12, 5000) float32 in mV at 500 Hz, in the order of `LEADS`."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Signals: ...


def open_recordings(path: Path) -> Recordings:
    """Return the recordings of a folder of WFDB records, or of an npz file.

    An npz file contains either

    - `signals_mv` (count, 12, samples), in the order of `LEADS`, and `rate_hz`, or
    - `delta_uv` (count, 8, 5000), I, II and V1 to V6 in microvolts at 500 Hz: the first sample, followed
      by the differences between consecutive samples.

    Raises RecordingsUnusable, or DependencyMissing for WFDB records if the extra `wfdb` is not installed.
    """
    return WfdbFolder(path) if path.is_dir() else NpzRecordings(path)


class NpzRecordings:
    """Recordings of an npz file. All of them are kept in memory."""

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as data:
                arrays = {name: data[name] for name in data.files}
        except (OSError, ValueError) as error:
            raise RecordingsUnusable(path, str(error)) from error
        if "delta_uv" in arrays:
            eight = np.cumsum(arrays["delta_uv"], axis=2, dtype=np.int32).astype(np.float32) / 1000
            self._recordings = [with_derived_leads(leads) for leads in eight]
        elif {"signals_mv", "rate_hz"} <= set(arrays):
            mv, rate_hz = arrays["signals_mv"], float(arrays["rate_hz"])
            if mv.ndim != 3 or mv.shape[1] != len(LEADS):
                raise RecordingsUnusable(path, f"signals_mv is {mv.shape}, not (count, 12, samples)")
            if mv.shape[2] < rate_hz * DURATION_S:
                raise RecordingsUnusable(path, f"its recordings are shorter than {DURATION_S} s")
            self._recordings = [_resample_leads(leads, rate_hz) for leads in mv]
        else:
            names = ", ".join(arrays) or "none"
            problem = f"its arrays are {names}, but signals_mv and rate_hz, or delta_uv are required"
            raise RecordingsUnusable(path, problem)
        if not self._recordings:
            raise RecordingsUnusable(path, "it contains no recordings")

    def __len__(self) -> int:
        return len(self._recordings)

    def __getitem__(self, index: int, /) -> Signals:
        return self._recordings[index]


class WfdbFolder:
    """First ten seconds of the WFDB records in a folder and its subfolders. A record is read when it is used.

    A record is skipped if

    - it does not contain all of I, II and V1 to V6,
    - it is shorter than ten seconds, or
    - its sampling rate is below 250 Hz and other usable records have at least 250 Hz.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import wfdb
        except ModuleNotFoundError as error:
            raise DependencyMissing("wfdb", f"recordings of {folder}", "wfdb") from error
        self._read = wfdb.rdsamp
        usable = []
        for path in sorted(folder.rglob("*.hea")):
            record = str(path.with_suffix(""))
            try:
                header = wfdb.rdheader(record)
            except (OSError, ValueError, IndexError) as error:
                raise RecordingsUnusable(path, f"it is not a WFDB header: {error}") from error
            names = {name.upper() for name in header.sig_name or ()}
            is_long_enough = header.sig_len is not None and header.sig_len >= header.fs * DURATION_S
            if is_long_enough and {name.upper() for name in _INDEPENDENT} <= names:
                usable.append((record, float(header.fs)))
        fast = [record for record, rate_hz in usable if rate_hz >= _MIN_RATE_HZ]
        self._records = fast or [record for record, _ in usable]
        if not self._records:
            problem = f"it contains no record of at least {DURATION_S} s with {', '.join(_INDEPENDENT)}"
            raise RecordingsUnusable(folder, problem)

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int, /) -> Signals:
        record = self._records[index]
        samples, header = self._read(record)
        leads = _in_mv(samples, header["units"], record)
        columns = {name.upper(): leads[k] for k, name in enumerate(header["sig_name"])}
        if {name.upper() for name in LEADS} <= set(columns):
            recording = np.stack([columns[name.upper()] for name in LEADS])
        else:
            recording = with_derived_leads(np.stack([columns[name.upper()] for name in _INDEPENDENT]))
        return _resample_leads(recording, float(header["fs"]))


def _in_mv(samples: NDArray[np.float64], units: Sequence[str], record: str) -> NDArray[np.float64]:
    """Convert an array (samples, leads) to an array (leads, samples) in mV. Missing samples become 0.

    Raises RecordingsUnusable for units other than V, mV and µV.
    """
    scales = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "v": 1e3}
    unknown = {unit for unit in units if unit.lower() not in scales}
    if unknown:
        raise RecordingsUnusable(Path(record), f"unknown units {', '.join(sorted(unknown))}")
    by_lead = np.array([[scales[unit.lower()]] for unit in units])
    return np.asarray(np.nan_to_num(samples.T) * by_lead, np.float64)


def _resample_leads(leads: NDArray[np.floating], rate_hz: float) -> Signals:
    """Return the first ten seconds of leads, (leads, samples), resampled to 500 Hz."""
    return np.stack([resample(lead, rate_hz, RATE_HZ, SAMPLES) for lead in leads]).astype(np.float32)

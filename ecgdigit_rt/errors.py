"""What can go wrong, each with a stable id, a way out, and the exit code it ends a run with.

EcgDigitError
├── InputError                      exit 1: what was given cannot be used
│   ├── InputNotFound               E-INPUT-01   FileNotFoundError
│   ├── NoPagesFound                E-INPUT-02   LookupError
│   ├── UnreadableImage             E-INPUT-03   ValueError
│   ├── UnsupportedType             E-INPUT-04   ValueError
│   ├── ImageSizeOutOfRange         E-INPUT-05   ValueError
│   ├── AmbiguousPage               E-INPUT-06   ValueError
│   ├── PageNotGiven                E-INPUT-07   LookupError
│   ├── PasswordProtected           E-INPUT-08   ValueError
│   ├── NotAnImageArray             E-INPUT-09   ValueError
│   ├── LayoutNotUnderstood         E-INPUT-10   ValueError
│   ├── FileTooLarge                E-INPUT-11   ValueError
│   ├── RequestMalformed            E-TRITON-02  ValueError
│   ├── AddressNeedsCluster         E-CLUSTER-01 ValueError
│   └── StorageUnusable             E-STORAGE-01 OSError
├── TableError                      exit 1: a CSV file cannot be used
│   ├── TestCsvMalformed            E-TEST-01    ValueError
│   ├── SubmissionMalformed         E-SUBMISSION-01   ValueError
│   ├── PredictionsMalformed        E-SUBMISSION-02   ValueError
│   ├── ReportMalformed             E-REPORT-01  ValueError
│   ├── TruthMissing                E-TRUTH-01   FileNotFoundError
│   └── TruthMalformed              E-TRUTH-02   ValueError
├── TrainingError                   exit 1: a training run cannot begin
│   ├── SettingsMalformed           E-TRAIN-01   ValueError
│   ├── CheckpointExists            E-TRAIN-02   FileExistsError
│   ├── TrainingPagesMissing        E-TRAIN-03   FileNotFoundError
│   ├── RecordingsUnusable          E-TRAIN-04   ValueError
│   └── TruthDoesNotFit             E-TRAIN-05   ValueError
├── PageError                       exit 2: this page could not be digitized; the others go on
│   ├── NoPageFound                 E-PAGE-01    LookupError
│   ├── NotAnEcg                    E-PAGE-02    ValueError
│   ├── NoGridFound                 E-GRID-01    LookupError
│   ├── NoRowsFound                 E-ROWS-01    LookupError
│   ├── UnknownLayout               E-LAYOUT-01  LookupError
│   ├── LeadsMissing                E-LEADS-01   LookupError
│   ├── QualityTooLow               E-QUALITY-01 ValueError
│   ├── PageCrashed                 E-PAGE-03    RuntimeError
│   ├── PageTimedOut                E-PAGE-04    TimeoutError
│   └── OutOfMemory                 E-PAGE-05    MemoryError
├── SetupError                      exit 3: the installation lacks something
│   ├── ModelMissing                E-MODEL-01   FileNotFoundError
│   ├── ModelCorrupt                E-MODEL-02   ValueError
│   ├── DependencyMissing           E-DEPENDENCY-01   ImportError
│   ├── ClusterUnusable             E-CLUSTER-02 RuntimeError
│   ├── BackendUnusable             E-BACKEND-01 RuntimeError
│   ├── EngineMissing               E-ENGINE-01  FileNotFoundError
│   ├── EngineCorrupt               E-ENGINE-02  ValueError
│   └── EngineBuildFailed           E-ENGINE-03  RuntimeError
├── ServiceError                    exit 1: `serve` refuses a request, or cannot take its address
│   ├── FormMalformed               E-SERVE-01   ValueError
│   ├── UploadTooLarge              E-SERVE-02   ValueError
│   ├── ServiceBusy                 E-SERVE-03   RuntimeError
│   ├── PageTookTooLong             E-SERVE-04   TimeoutError
│   ├── TokenWrong                  E-SERVE-05   PermissionError
│   ├── ForeignRequest              E-SERVE-06   PermissionError
│   └── AddressUnusable             E-SERVE-07   OSError
├── UnknownChoice                   E-BACKEND-02 exit 1, ValueError
├── ShapeOutsideProfile             E-SHAPE-01   exit 70 outside a page, ValueError
├── OutOfDeviceMemory               E-DEVICE-01  exit 2, MemoryError
├── WorkerDied                      E-DEVICE-02  exit 70, RuntimeError
├── StageNotServed                  E-TRITON-01  exit 70, RuntimeError
├── FormatNotNamed                  E-FORMAT-01  exit 1, LookupError
├── FormatContradicted              E-FORMAT-02  exit 1, ValueError
├── OutputError                     exit 4: the output cannot be written
│   ├── OutputNotWritable           E-OUTPUT-01  OSError
│   └── OutputInUse                 E-OUTPUT-02  BlockingIOError
├── JournalError                    exit 1: what an earlier run left does not go with this one
│   ├── ConfigurationChanged        E-JOURNAL-01 ValueError
│   ├── JournalMalformed            E-JOURNAL-02 ValueError
│   └── JournalMissing              E-JOURNAL-03 FileNotFoundError
└── InternalError                   E-BUG-01     exit 70, RuntimeError

Every id is a heading in docs/errors.md. Catch the branch you care about, or the builtin. The root and
the branch of backends and engines stand in `ecgdigit_engine/errors.py`, which knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ecgdigit_engine.errors import (
    BackendUnusable,
    EcgDigitError,
    EngineBuildFailed,
    EngineCorrupt,
    EngineMissing,
    OutOfDeviceMemory,
    SetupError,
    ShapeOutsideProfile,
    StageNotServed,
    UnknownChoice,
    WorkerDied,
)

__all__ = [
    "BackendUnusable",
    "EcgDigitError",
    "EngineBuildFailed",
    "EngineCorrupt",
    "EngineMissing",
    "OutOfDeviceMemory",
    "SetupError",
    "ShapeOutsideProfile",
    "StageNotServed",
    "UnknownChoice",
    "WorkerDied",
]


class InputError(EcgDigitError):
    """Something that was given cannot be used."""

    exit_code = 1


class InputNotFound(InputError, FileNotFoundError):
    id = "E-INPUT-01"

    def __init__(self, given: str) -> None:
        super().__init__(
            f"no such file or folder: {given}",
            "Check the spelling; quote a glob so that the shell leaves it alone.",
        )
        self.given = given


class NoPagesFound(InputError, LookupError):
    id = "E-INPUT-02"

    def __init__(self, searched: Sequence[str], suffixes: Iterable[str]) -> None:
        kinds = " ".join(sorted(suffixes))
        super().__init__(
            f"no page images in {', '.join(searched) or 'nothing'}",
            f"Folders are searched, with all below them, for {kinds}.",
        )
        self.searched = tuple(searched)


class UnreadableImage(InputError, ValueError):
    id = "E-INPUT-03"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"cannot read {path}: {reason}",
            "Open it in an image viewer and save it again, or fetch the file anew.",
        )
        self.path = path
        self.reason = reason


class UnsupportedType(InputError, ValueError):
    id = "E-INPUT-04"

    def __init__(self, path: Path, found: str, how_to_convert: str) -> None:
        super().__init__(f"cannot read {path}: it is {found}", how_to_convert)
        self.path = path
        self.found = found


class ImageSizeOutOfRange(InputError, ValueError):
    id = "E-INPUT-05"

    def __init__(self, path: Path, width: int, height: int, allowed: str) -> None:
        super().__init__(
            f"{path} is {width} x {height} px; {allowed}",
            "Scan it at 150 to 600 dpi, or photograph it full-frame. --max-pixels sets the limit.",
        )
        self.path = path
        self.width = width
        self.height = height


class AmbiguousPage(InputError, ValueError):
    id = "E-INPUT-06"

    def __init__(self, image_id: str, paths: Sequence[Path]) -> None:
        super().__init__(
            f"{len(paths)} inputs answer to the id {image_id!r} of test.csv: " + ", ".join(map(str, paths)),
            "Give only one of them.",
        )
        self.image_id = image_id
        self.paths = tuple(paths)


class PageNotGiven(InputError, LookupError):
    id = "E-INPUT-07"

    def __init__(self, image_id: str) -> None:
        super().__init__(
            f"test.csv asks for {image_id}, and no input has that name",
            "Add the file or its folder to the inputs; its rows are zeros until then.",
        )
        self.image_id = image_id


class PasswordProtected(InputError, ValueError):
    id = "E-INPUT-08"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"cannot read {path}: the PDF is protected by a password",
            "Open it with the password and save it without one: qpdf --decrypt --password=… in.pdf out.pdf.",
        )
        self.path = path


class NotAnImageArray(InputError, ValueError):
    id = "E-INPUT-09"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the array is no page image: {reason}",
            "Give (height, width[, 1, 3 or 4]) of bool, uint8, uint16, or floats from 0 to 1.",
        )
        self.reason = reason


class FileTooLarge(InputError, ValueError):
    id = "E-INPUT-11"

    def __init__(self, path: Path, size: int, most: int) -> None:
        super().__init__(
            f"{path} is {size / 1e9:.1f} GB; files of at most {most / 1e9:.1f} GB are read",
            "Split it into files of fewer pages, or save it compressed.",
        )
        self.path = path
        self.size = size


class AddressNeedsCluster(InputError, ValueError):
    """An address, such as s3://bucket/scans, in a run on this machine alone."""

    id = "E-CLUSTER-01"

    def __init__(self, address: str) -> None:
        super().__init__(
            f"{address} is no path on this machine",
            "Add --cluster auto: addresses are read by a cluster, which may be this machine alone.",
        )
        self.address = address


class StorageUnusable(InputError, OSError):
    """What is behind an address cannot be listed, read or written."""

    id = "E-STORAGE-01"

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"cannot use {address}: {reason}",
            "Check the address, the credentials in the environment, and that the storage answers.",
        )
        self.address = address
        self.reason = reason


class TableError(EcgDigitError):
    """A CSV file cannot be used."""

    exit_code = 1


class TestCsvMalformed(TableError, ValueError):
    __test__ = False  # pytest takes Test* for a test class
    id = "E-TEST-01"

    def __init__(self, path: Path, line: int, column: str, problem: str) -> None:
        super().__init__(
            f"{path}, line {line}, column {column}: {problem}",
            "The header is id,lead,fs,number_of_rows; each lead of an image stands once.",
        )
        self.path = path
        self.line = line
        self.column = column


class SubmissionMalformed(TableError, ValueError):
    id = "E-SUBMISSION-01"

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(
            f"{path}, line {line}: {problem}",
            "The header is id,value; each id is {image}_{row}_{lead}, each value a millivolt.",
        )
        self.path = path
        self.line = line


class PredictionsMalformed(TableError, ValueError):
    """A folder of pages or a Parquet file that was given to be scored."""

    id = "E-SUBMISSION-02"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} cannot be scored: {problem}",
            "Give what `ecgdigit-rt run` wrote: submission.csv, a folder of NAME.csv, or a .parquet file.",
        )
        self.path = path
        self.problem = problem


class ReportMalformed(TableError, ValueError):
    id = "E-REPORT-01"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is no report of a run",
            "Give the NAME.report.json that `ecgdigit-rt run` wrote beside its output.",
        )
        self.path = path


class TruthMissing(TableError, FileNotFoundError):
    id = "E-TRUTH-01"

    def __init__(self, folder: Path, images: Sequence[str] = ()) -> None:
        shown = ", ".join(images[:5]) + (" …" if len(images) > 5 else "")
        what = f"no truth for {shown} in {folder}" if images else f"no NAME.csv in {folder}"
        super().__init__(what, "Each image needs its NAME.csv there, one column per lead.")
        self.folder = folder
        self.images = tuple(images)


class TruthMalformed(TableError, ValueError):
    id = "E-TRUTH-02"

    def __init__(self, path: Path, column: str, problem: str) -> None:
        super().__init__(
            f"{path}, column {column}: {problem}",
            "One column per lead, in millivolt, empty outside the window that the page shows.",
        )
        self.path = path
        self.column = column


class TrainingError(EcgDigitError):
    """A training run cannot begin as it is told to."""

    exit_code = 1


class SettingsMalformed(TrainingError, ValueError):
    """`key` is dotted, empty where the whole file is wrong."""

    id = "E-TRAIN-01"

    def __init__(self, source: str, key: str, problem: str) -> None:
        where = f"{source}, {key}" if key else source
        super().__init__(f"{where}: {problem}", "docs/howto/train.md has every key with its meaning.")
        self.source = source
        self.key = key


class CheckpointExists(TrainingError, FileExistsError):
    id = "E-TRAIN-02"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"a run was begun here: {path}",
            "--resume goes on with it, --fresh begins anew and replaces it, --out names another folder.",
        )
        self.path = path


class TrainingPagesMissing(TrainingError, FileNotFoundError):
    id = "E-TRAIN-03"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"no pages with truth (NAME.jpg with NAME.npz) in {folder}",
            "Draw some with `ecgdigit-rt synth`, or make them of your own pages with `ecgdigit-rt label`.",
        )
        self.folder = folder


class RecordingsUnusable(TrainingError, ValueError):
    """Signals to draw pages from."""

    id = "E-TRAIN-04"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"no recordings in {path}: {problem}",
            "Give a folder of WFDB records with twelve leads, or an npz with signals_mv and rate_hz.",
        )
        self.path = path


class TruthDoesNotFit(TrainingError, ValueError):
    id = "E-TRAIN-05"

    def __init__(self, image: str, problem: str) -> None:
        super().__init__(
            f"the truth of {image} does not fit the page: {problem}",
            "Is it of this page, in mV? If so, tell what was misread: --layout, --speed, --gain.",
        )
        self.image = image


class LayoutNotUnderstood(InputError, ValueError):
    """The user's name of a layout is none, and no rows spelled out either."""

    id = "E-INPUT-10"

    def __init__(self, given: str, known: Sequence[str]) -> None:
        super().__init__(
            f"no layout {given!r}",
            f"Known: {', '.join(known)}; or rows spelled out, such as I,II,III/aVR,aVL,aVF.",
        )
        self.given = given
        self.known = tuple(known)


class RequestMalformed(InputError, ValueError):
    """What came to a server beside the image cannot be used."""

    id = "E-TRITON-02"

    def __init__(self, name: str, given: str, allowed: str) -> None:
        super().__init__(f"{name} is {given}; {allowed}", f"Correct {name}, or leave it out.")
        self.name = name
        self.given = given


class PageError(EcgDigitError):
    """One page could not be digitized. A batch goes on with the next page."""

    exit_code = 2


class NoPageFound(PageError, LookupError):
    id = "E-PAGE-01"

    def __init__(self) -> None:
        super().__init__(
            "no ECG page found in the image",
            "Photograph the whole page, sharp and filling the picture.",
        )


class NotAnEcg(PageError, ValueError):
    """`reason` says what speaks against it."""

    id = "E-PAGE-02"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"this does not look like an ECG page: {reason}",
            "If it is one, say what stands on it: --layout 3x4+1, or --layout II for a strip of one lead.",
        )
        self.reason = reason


class NoGridFound(PageError, LookupError):
    id = "E-GRID-01"

    def __init__(self, reason: str = "") -> None:
        super().__init__(
            "no ECG grid found" + (f": {reason}" if reason else ""),
            "The grid gives the scale. Use a colour scan or a sharper photo that shows it.",
        )
        self.reason = reason


class NoRowsFound(PageError, LookupError):
    id = "E-ROWS-01"

    def __init__(self, reason: str = "") -> None:
        super().__init__(
            "a grid but no traces found" + (f": {reason}" if reason else ""),
            "Check in an image viewer that the page shows curves that stand out from the grid.",
        )
        self.reason = reason


class UnknownLayout(PageError, LookupError):
    """`seen` describes what was found on the page, such as "4 rows" and "labels I, aVR, V1"."""

    id = "E-LAYOUT-01"

    def __init__(self, seen: Sequence[str], known: Sequence[str]) -> None:
        super().__init__(
            f"the page fits no known layout; seen: {'; '.join(seen) or 'nothing'}",
            f"Known layouts: {', '.join(known)}. See that no lead is cut off, or use --layout.",
        )
        self.seen = tuple(seen)
        self.known = tuple(known)


class LeadsMissing(PageError, LookupError):
    id = "E-LEADS-01"

    def __init__(self, missing: Sequence[str], found: Sequence[str]) -> None:
        super().__init__(
            f"leads not found: {', '.join(missing)}",
            f"Found: {', '.join(found) or 'none'}. The overlay shows what was traced.",
        )
        self.missing = tuple(missing)
        self.found = tuple(found)


class QualityTooLow(PageError, ValueError):
    """The page was read, and its expected signal-to-noise ratio is below what was asked for."""

    id = "E-QUALITY-01"

    def __init__(self, expected_db: float, least_db: float) -> None:
        super().__init__(
            f"expected quality {expected_db:.1f} dB, below the {least_db:g} dB asked for",
            "Scan the page again, sharper or larger, or lower --min-quality and look at the overlay.",
        )
        self.expected_db = expected_db
        self.least_db = least_db


class PageCrashed(PageError, RuntimeError):
    """The process that read the page ended. `how` says by what, such as "signal SIGSEGV"."""

    id = "E-PAGE-03"

    def __init__(self, how: str) -> None:
        super().__init__(
            f"reading the page ended its process: {how}",
            "SIGKILL often means that memory ran out: fewer --threads. Else report it with the page.",
        )
        self.how = how


class PageTimedOut(PageError, TimeoutError):
    id = "E-PAGE-04"

    def __init__(self, limit_s: float) -> None:
        super().__init__(
            f"the page was not read within {limit_s:g} s",
            "Allow more with --timeout, or give the page in a lower resolution.",
        )
        self.limit_s = limit_s


class OutOfMemory(PageError, MemoryError):
    """This process has no memory left for the page; that of a card is `OutOfDeviceMemory`."""

    id = "E-PAGE-05"

    def __init__(self, said: str) -> None:
        super().__init__(
            f"memory does not hold the page{f' ({said})' if said else ''}",
            "Use fewer --threads, or give the page in a lower resolution.",
        )
        self.said = said


class ModelMissing(SetupError, FileNotFoundError):
    id = "E-MODEL-01"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"model file missing: {path}",
            "Install the package again: pip install --force-reinstall --no-deps ecgdigit-rt",
        )
        self.path = path


class ModelCorrupt(SetupError, ValueError):
    """The file's SHA-256 is not the one its manifest states, or the manifest does not say what it must.

    expected, found: SHA-256 digests, or words.
    """

    id = "E-MODEL-02"

    def __init__(self, path: Path, expected: str, found: str) -> None:
        super().__init__(
            f"model file damaged: {path} (found {_shown(found)}, expected {_shown(expected)})",
            "Install the package again: pip install --force-reinstall --no-deps ecgdigit-rt. "
            "Copy or export a folder of your own again.",
        )
        self.path = path
        self.expected = expected
        self.found = found


def _shown(what: str) -> str:
    is_digest = len(what) == 64 and " " not in what
    return f"SHA-256 {what[:12]}…" if is_digest else what


class DependencyMissing(SetupError, ImportError):
    id = "E-DEPENDENCY-01"

    def __init__(self, package: str, needed_for: str, extra: str) -> None:
        super().__init__(
            f"{needed_for} needs {package}, which is not installed",
            f"Install it with the extra: pip install 'ecgdigit-rt[{extra}]'",
        )
        self.package = package
        self.extra = extra


class ServiceError(EcgDigitError):
    """The service refuses a request, or cannot take the address that it was given."""

    exit_code = 1


class FormMalformed(ServiceError, ValueError):
    id = "E-SERVE-01"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"the request cannot be understood: {problem}",
            "Send a form with the page in its field `file`; /docs has every parameter.",
        )
        self.problem = problem


class UploadTooLarge(ServiceError, ValueError):
    id = "E-SERVE-02"

    def __init__(self, most_bytes: int) -> None:
        super().__init__(
            f"the file is larger than {most_bytes / 1e6:g} MB",
            "Send a smaller one, or start the service with a larger --max-upload-mb.",
        )
        self.most_bytes = most_bytes


class ServiceBusy(ServiceError, RuntimeError):
    id = "E-SERVE-03"

    def __init__(self, places: int) -> None:
        super().__init__(
            f"all {places} places for pages are taken",
            "Come back in a few seconds, or start the service with more --workers or a longer --queue.",
        )
        self.places = places


class PageTookTooLong(ServiceError, TimeoutError):
    id = "E-SERVE-04"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the page was not done after {seconds:g} s",
            "Send a smaller picture, come back when it is quieter, or start with a longer --timeout.",
        )
        self.seconds = seconds


class TokenWrong(ServiceError, PermissionError):
    id = "E-SERVE-05"

    def __init__(self) -> None:
        super().__init__(
            "the token is missing or wrong",
            "Send `Authorization: Bearer TOKEN` with the token that the service was started with.",
        )


class ForeignRequest(ServiceError, PermissionError):
    """Another site's page asks, or the service is called by a name that it does not have."""

    id = "E-SERVE-06"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the request is refused: {reason}",
            "Call the service by its address, or name its host with --allow-host.",
        )
        self.reason = reason


class AddressUnusable(ServiceError, OSError):
    id = "E-SERVE-07"

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"cannot listen on {host}, port {port}: {reason}",
            "Choose another --port (0 takes a free one) or another --host.",
        )
        self.host = host
        self.port = port


class ClusterUnusable(SetupError, RuntimeError):
    """Nothing answers at the address, no machine there has room for a page, or a machine failed for good."""

    id = "E-CLUSTER-02"

    def __init__(self, cluster: str, reason: str) -> None:
        super().__init__(
            f"the cluster {cluster} cannot be used: {reason}",
            "See `ray status` there; the same command goes on with what is left.",
        )
        self.cluster = cluster
        self.reason = reason


class FormatNotNamed(EcgDigitError, LookupError):
    """Nothing tells which format is meant: no `--format`, no test.csv, no suffix that belongs to one."""

    id = "E-FORMAT-01"
    exit_code = 1

    def __init__(self, out: Path, folders: str, suffixes: str) -> None:
        super().__init__(
            f"--out {out} does not tell which format is meant",
            f"For a folder name the format: --format {folders}. For a file end it in {suffixes}.",
        )
        self.out = out


class FormatContradicted(EcgDigitError, ValueError):
    """What was asked of the output does not go together."""

    id = "E-FORMAT-02"
    exit_code = 1

    def __init__(self, name: str, problem: str, way_out: str) -> None:
        super().__init__(f"the format {name} does not fit: {problem}", way_out)
        self.name = name
        self.problem = problem


class OutputError(EcgDigitError):
    """The output cannot be written."""

    exit_code = 4


class OutputNotWritable(OutputError, OSError):
    id = "E-OUTPUT-01"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"cannot write {path}: {reason}",
            "Choose another place, or make room and see to the permissions there.",
        )
        self.path = path
        self.reason = reason


class OutputInUse(OutputError, BlockingIOError):
    """Another run is writing there now."""

    id = "E-OUTPUT-02"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"another run is writing {path}",
            "Wait for it, or give this one another --out; a run that was killed holds nothing.",
        )
        self.path = path


class JournalError(EcgDigitError):
    """What an earlier run of the same output left does not go with this one."""

    exit_code = 1


class ConfigurationChanged(JournalError, ValueError):
    """`differences` tells them in words, such as "--tta was none and is flip"."""

    id = "E-JOURNAL-01"

    def __init__(self, journal: Path, differences: Sequence[str]) -> None:
        super().__init__(
            f"{journal} is of a run that read pages otherwise: {'; '.join(differences)}",
            "Go on as it began, give this run another --out, or begin anew with --fresh.",
        )
        self.journal = journal
        self.differences = tuple(differences)


class JournalMalformed(JournalError, ValueError):
    id = "E-JOURNAL-02"

    def __init__(self, journal: Path) -> None:
        super().__init__(
            f"{journal} is no journal of a run that this version can read",
            "Move it away if it is something else, or replace it with --fresh.",
        )
        self.journal = journal


class JournalMissing(JournalError, FileNotFoundError):
    id = "E-JOURNAL-03"

    def __init__(self, journal: Path) -> None:
        super().__init__(
            f"--only-failed finds no journal of an earlier run: {journal}",
            "Run without it first, with the same --out.",
        )
        self.journal = journal


class InternalError(EcgDigitError, RuntimeError):
    """An exception that nobody foresaw; the original is its `__cause__`."""

    id = "E-BUG-01"

    def __init__(self, error: BaseException) -> None:
        super().__init__(
            f"unexpected {type(error).__name__}: {error}",
            "This is a bug in ecgdigit-rt. Please report it with the page, if you may share it.",
        )
        self.error_type = type(error).__name__

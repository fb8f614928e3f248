"""Exceptions of the package. Each has a stable id, a hint and an exit code.

EcgDigitError
├── InputError                      exit 1: an input cannot be used
│   ├── InputNotFound               E-INPUT-01      FileNotFoundError
│   ├── NoPagesFound                E-INPUT-02      LookupError
│   ├── UnreadableImage             E-INPUT-03      ValueError
│   ├── UnsupportedType             E-INPUT-04      ValueError
│   ├── ImageSizeOutOfRange         E-INPUT-05      ValueError
│   ├── AmbiguousPage               E-INPUT-06      ValueError
│   ├── RequestedPageMissing        E-INPUT-07      LookupError
│   ├── PasswordProtected           E-INPUT-08      ValueError
│   ├── NotAnImageArray             E-INPUT-09      ValueError
│   ├── InvalidLayout               E-INPUT-10      ValueError
│   ├── FileTooLarge                E-INPUT-11      ValueError
│   ├── RequestMalformed            E-TRITON-02     ValueError
│   ├── AddressNeedsCluster         E-CLUSTER-01    ValueError
│   └── StorageUnusable             E-STORAGE-01    OSError
├── TableError                      exit 1: a table cannot be used
│   ├── TestCsvMalformed            E-TEST-01       ValueError
│   ├── SubmissionMalformed         E-SUBMISSION-01 ValueError
│   ├── PredictionsMalformed        E-SUBMISSION-02 ValueError
│   ├── ReportMalformed             E-REPORT-01     ValueError
│   ├── TruthMissing                E-TRUTH-01      FileNotFoundError
│   └── TruthMalformed              E-TRUTH-02      ValueError
├── TrainingError                   exit 1: training, rendering or labeling cannot continue
│   ├── SettingsMalformed           E-TRAIN-01      ValueError
│   ├── CheckpointExists            E-TRAIN-02      FileExistsError
│   ├── TrainingPagesMissing        E-TRAIN-03      FileNotFoundError
│   ├── RecordingsUnusable          E-TRAIN-04      ValueError
│   ├── TruthMismatch               E-TRAIN-05      ValueError
│   └── WeightsUnusable             E-TRAIN-06      ValueError
├── PageError                       exit 2: this page failed; the run continues
│   ├── NoPageFound                 E-PAGE-01       LookupError
│   ├── NotAnEcg                    E-PAGE-02       ValueError
│   ├── NoGridFound                 E-GRID-01       LookupError
│   ├── NoRowsFound                 E-ROWS-01       LookupError
│   ├── UnknownLayout               E-LAYOUT-01     LookupError
│   ├── SeveralEcgs                 E-LAYOUT-02     LookupError
│   ├── LeadsMissing                E-LEADS-01      LookupError
│   ├── QualityTooLow               E-QUALITY-01    ValueError
│   ├── PageDoubtful                E-DOUBT-01      ValueError
│   ├── PageCrashed                 E-PAGE-03       RuntimeError
│   ├── PageTimedOut                E-PAGE-04       TimeoutError
│   ├── OutOfMemory                 E-PAGE-05       MemoryError
│   └── MirroredPage                E-PAGE-06       ValueError
├── SetupError                      exit 3: the installation is incomplete
│   ├── ModelMissing                E-MODEL-01      FileNotFoundError
│   ├── ModelCorrupt                E-MODEL-02      ValueError
│   ├── GraphUnusable               E-MODEL-03      ValueError
│   ├── DependencyMissing           E-DEPENDENCY-01 ImportError
│   ├── ClusterUnusable             E-CLUSTER-02    RuntimeError
│   ├── BackendUnusable             E-BACKEND-01    RuntimeError
│   ├── DeviceLost                  E-DEVICE-04     RuntimeError
│   ├── EngineMissing               E-ENGINE-01     FileNotFoundError
│   ├── EngineCorrupt               E-ENGINE-02     ValueError
│   ├── EngineBuildFailed           E-ENGINE-03     RuntimeError
│   ├── EngineUntrusted             E-ENGINE-04     PermissionError
│   └── MemoryLimitTooLow           E-MEMORY-01     MemoryError
├── ServiceError                    exit 1: `serve` rejects a request or cannot start
│   ├── FormMalformed               E-SERVE-01      ValueError
│   ├── UploadTooLarge              E-SERVE-02      ValueError
│   ├── ServiceBusy                 E-SERVE-03      RuntimeError
│   ├── RequestTimedOut             E-SERVE-04      TimeoutError
│   ├── InvalidToken                E-SERVE-05      PermissionError
│   ├── RequestForbidden            E-SERVE-06      PermissionError
│   ├── AddressUnusable             E-SERVE-07      OSError
│   └── UploadStalled               E-SERVE-08      TimeoutError
├── UnknownChoice                   E-BACKEND-02    exit 1, ValueError
├── ShapeOutsideProfile             E-SHAPE-01      exit 70 outside a page, ValueError
├── OutOfDeviceMemory               E-DEVICE-01     exit 2, MemoryError
├── WorkerDied                      E-DEVICE-02     exit 70, RuntimeError
├── DeviceFailed                    E-DEVICE-03     exit 2, RuntimeError
├── StageNotServed                  E-TRITON-01     exit 70, RuntimeError
├── FormatNotSpecified              E-FORMAT-01     exit 1, LookupError
├── FormatConflict                  E-FORMAT-02     exit 1, ValueError
├── OutputError                     exit 4: the output cannot be written
│   ├── OutputNotWritable           E-OUTPUT-01     OSError
│   └── OutputInUse                 E-OUTPUT-02     BlockingIOError
├── JournalError                    exit 1: an earlier run cannot be resumed
│   ├── ConfigurationChanged        E-JOURNAL-01    ValueError
│   ├── JournalMalformed            E-JOURNAL-02    ValueError
│   └── JournalMissing              E-JOURNAL-03    FileNotFoundError
└── InternalError                   E-BUG-01        exit 70, RuntimeError

Each id is a heading in docs/errors.md. Each exception that has an id also inherits from the built-in
exception that its line names last. The root class and the exceptions of backends and engines are defined in
`ecgdigit_engine/errors.py`.
"""

from __future__ import annotations

from ecgdigit_engine.errors import (
    BackendUnusable,
    DeviceFailed,
    DeviceLost,
    EcgDigitError,
    EngineBuildFailed,
    EngineCorrupt,
    EngineMissing,
    EngineUntrusted,
    GraphUnusable,
    OutOfDeviceMemory,
    SetupError,
    ShapeOutsideProfile,
    StageNotServed,
    UnknownChoice,
    WorkerDied,
)
from ecgdigit_rt.errors.bugs import InternalError, named_error
from ecgdigit_rt.errors.inputs import (
    AddressNeedsCluster,
    AmbiguousPage,
    FileTooLarge,
    ImageSizeOutOfRange,
    InputError,
    InputNotFound,
    InvalidLayout,
    NoPagesFound,
    NotAnImageArray,
    PasswordProtected,
    RequestedPageMissing,
    RequestMalformed,
    StorageUnusable,
    UnreadableImage,
    UnsupportedType,
)
from ecgdigit_rt.errors.memory import MemoryLimitTooLow
from ecgdigit_rt.errors.outputs import (
    ConfigurationChanged,
    FormatConflict,
    FormatNotSpecified,
    JournalError,
    JournalMalformed,
    JournalMissing,
    OutputError,
    OutputInUse,
    OutputNotWritable,
)
from ecgdigit_rt.errors.pages import (
    LeadsMissing,
    MirroredPage,
    NoGridFound,
    NoPageFound,
    NoRowsFound,
    NotAnEcg,
    OutOfMemory,
    PageCrashed,
    PageDoubtful,
    PageError,
    PageTimedOut,
    QualityTooLow,
    SeveralEcgs,
    UnknownLayout,
)
from ecgdigit_rt.errors.service import (
    AddressUnusable,
    FormMalformed,
    InvalidToken,
    RequestForbidden,
    RequestTimedOut,
    ServiceBusy,
    ServiceError,
    UploadStalled,
    UploadTooLarge,
)
from ecgdigit_rt.errors.setup import ClusterUnusable, DependencyMissing, ModelCorrupt, ModelMissing
from ecgdigit_rt.errors.tables import (
    PredictionsMalformed,
    ReportMalformed,
    SubmissionMalformed,
    TableError,
    TestCsvMalformed,
    TruthMalformed,
    TruthMissing,
)
from ecgdigit_rt.errors.training import (
    CheckpointExists,
    RecordingsUnusable,
    SettingsMalformed,
    TrainingError,
    TrainingPagesMissing,
    TruthMismatch,
    WeightsUnusable,
)

__all__ = [
    "AddressNeedsCluster",
    "AddressUnusable",
    "AmbiguousPage",
    "BackendUnusable",
    "CheckpointExists",
    "ClusterUnusable",
    "ConfigurationChanged",
    "DependencyMissing",
    "DeviceFailed",
    "DeviceLost",
    "EcgDigitError",
    "EngineBuildFailed",
    "EngineCorrupt",
    "EngineMissing",
    "EngineUntrusted",
    "FileTooLarge",
    "FormMalformed",
    "FormatConflict",
    "FormatNotSpecified",
    "GraphUnusable",
    "ImageSizeOutOfRange",
    "InputError",
    "InputNotFound",
    "InternalError",
    "InvalidLayout",
    "InvalidToken",
    "JournalError",
    "JournalMalformed",
    "JournalMissing",
    "LeadsMissing",
    "MemoryLimitTooLow",
    "MirroredPage",
    "ModelCorrupt",
    "ModelMissing",
    "NoGridFound",
    "NoPageFound",
    "NoPagesFound",
    "NoRowsFound",
    "NotAnEcg",
    "NotAnImageArray",
    "OutOfDeviceMemory",
    "OutOfMemory",
    "OutputError",
    "OutputInUse",
    "OutputNotWritable",
    "PageCrashed",
    "PageDoubtful",
    "PageError",
    "PageTimedOut",
    "PasswordProtected",
    "PredictionsMalformed",
    "QualityTooLow",
    "RecordingsUnusable",
    "ReportMalformed",
    "RequestForbidden",
    "RequestMalformed",
    "RequestTimedOut",
    "RequestedPageMissing",
    "ServiceBusy",
    "ServiceError",
    "SettingsMalformed",
    "SetupError",
    "SeveralEcgs",
    "ShapeOutsideProfile",
    "StageNotServed",
    "StorageUnusable",
    "SubmissionMalformed",
    "TableError",
    "TestCsvMalformed",
    "TrainingError",
    "TrainingPagesMissing",
    "TruthMalformed",
    "TruthMismatch",
    "TruthMissing",
    "UnknownChoice",
    "UnknownLayout",
    "UnreadableImage",
    "UnsupportedType",
    "UploadStalled",
    "UploadTooLarge",
    "WeightsUnusable",
    "WorkerDied",
    "named_error",
]

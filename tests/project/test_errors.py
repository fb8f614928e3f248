"""Error classes: each has an id, a hint, an exit code, a built-in base class and a section in the docs."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from ecgdigit_rt import errors
from ecgdigit_rt.doubts import DOUBTS, Doubt
from ecgdigit_rt.errors import EcgDigitError

DOCS = Path(__file__).parents[2] / "docs" / "errors.md"

HERE = Path("x.png")
EXAMPLES: list[EcgDigitError] = [
    errors.InputNotFound("scans"),
    errors.NoPagesFound(["scans"], [".png"]),
    errors.UnreadableImage(HERE, "the file is empty"),
    errors.UnsupportedType(HERE, "a PDF", "Convert it."),
    errors.ImageSizeOutOfRange(HERE, 3, 4, "each side must be at least 160 px", is_too_large=False),
    errors.AmbiguousPage("x", [HERE, Path("y/x.png")]),
    errors.RequestedPageMissing("x"),
    errors.PasswordProtected(HERE),
    errors.NotAnImageArray("its shape is (3,)"),
    errors.InvalidLayout("3x5", ["3x4"]),
    errors.FileTooLarge(HERE, 3 * 10**9, 2**31),
    errors.RequestMalformed("speed_mm_s", "1000", "it must be from 5 to 200"),
    errors.TestCsvMalformed(HERE, 3, "fs", "not a number"),
    errors.SubmissionMalformed(HERE, 3, "not a number"),
    errors.PredictionsMalformed(HERE, "it contains no NAME.csv"),
    errors.TruthMissing(Path("truth"), ["a", "b"]),
    errors.TruthMalformed(HERE, "V1", "not a number"),
    errors.SettingsMalformed("mine.yaml", "trace.ratte", "there is no such key"),
    errors.CheckpointExists(HERE),
    errors.TrainingPagesMissing(HERE),
    errors.RecordingsUnusable(HERE, "no record has twelve leads"),
    errors.WeightsUnusable(HERE, "the file does not exist"),
    errors.MemoryLimitTooLow(10**9, 2 * 10**9),
    errors.GraphUnusable("The network trace", "it is not a graph"),
    errors.TruthMismatch("page", "it has no lead V1"),
    errors.NoPageFound(),
    errors.NotAnEcg("no names"),
    errors.QualityTooLow(7.1, 12.0),
    errors.PageDoubtful([str(Doubt("D-SPEED-01", "25 mm/s is printed, and 50 mm/s is specified."))]),
    errors.ReportMalformed(HERE),
    errors.NoGridFound(),
    errors.NoRowsFound("blank"),
    errors.MirroredPage(),
    errors.UnknownLayout(["2 rows", "label V1"], ["3x4"]),
    errors.SeveralEcgs("two sheets with lead names"),
    errors.LeadsMissing(["V1"], ["I"]),
    errors.ModelMissing(HERE),
    errors.ModelCorrupt(HERE, "a" * 64, "b" * 64),
    errors.DependencyMissing("torch", "train", "export"),
    errors.BackendUnusable("tensorrt", "it is not installed", "Install it."),
    errors.UnknownChoice("backend", "trt", ["auto", "tensorrt"]),
    errors.ShapeOutsideProfile("trace", "width", 9000, "the engine was built for 32 to 5504", "Build it."),
    errors.EngineMissing("trace", Path("engines"), "ecgdigit-rt build-engines", "built for sm75"),
    errors.EngineCorrupt(HERE, "the file is truncated"),
    errors.EngineUntrusted(HERE, "it is writable by all users"),
    errors.EngineBuildFailed("trace", "sm75", ["no such layer"]),
    errors.OutOfDeviceMemory("trace", "cuda:0", "cudaErrorMemoryAllocation"),
    errors.WorkerDied("The worker thread of trace", "segment lost"),
    errors.DeviceFailed("trace", "cuda:0", "TensorRT rejected the execution"),
    errors.DeviceLost("trace", "cuda:0", "an illegal memory access was encountered"),
    errors.StageNotServed("trace", "ecgdigit_trace", "no such model"),
    errors.FormMalformed("gain: not a number"),
    errors.UploadTooLarge(50_000_000),
    errors.ServiceBusy(33),
    errors.RequestTimedOut(60),
    errors.UploadStalled(15),
    errors.InvalidToken(),
    errors.RequestForbidden("it comes from a page of another origin"),
    errors.AddressUnusable("127.0.0.1", 80, "permission denied"),
    errors.FormatNotSpecified(Path("out"), "csv, npz", ".csv, .parquet"),
    errors.FormatConflict("csv", "it writes a folder", "Use a folder."),
    errors.OutputNotWritable(HERE, "read-only"),
    errors.OutputInUse(HERE),
    errors.ConfigurationChanged(HERE, ["--tta was none and is flip"]),
    errors.JournalMalformed(HERE),
    errors.JournalMissing(HERE),
    errors.AddressNeedsCluster("s3://bucket/scans"),
    errors.StorageUnusable("s3://bucket/scans", "Access Denied"),
    errors.ClusterUnusable("ray://head:10001", "no connection"),
    errors.PageCrashed("signal SIGSEGV"),
    errors.PageTimedOut(1.5),
    errors.OutOfMemory("allocating 3 GB"),
    errors.InternalError(KeyError("x")),
]


def leaf_classes(kind: type[EcgDigitError]) -> list[type[EcgDigitError]]:
    subclasses = kind.__subclasses__()
    return [kind] if not subclasses else [leaf for child in subclasses for leaf in leaf_classes(child)]


def test_every_leaf_has_an_example() -> None:
    assert {type(error) for error in EXAMPLES} == {
        leaf
        for leaf in leaf_classes(EcgDigitError)
        if leaf.__module__.startswith((errors.__name__, EcgDigitError.__module__))
    }


def test_ids_and_headings_match_both_ways() -> None:
    headings = re.findall(r"^## (E-\S+)$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    ids = [type(error).id for error in EXAMPLES]
    assert len(set(ids)) == len(ids)
    assert sorted(headings) == sorted(ids)


def test_doubts_and_headings_match_both_ways() -> None:
    section = DOCS.read_text(encoding="utf-8").partition("\n## Doubts\n")[2].partition("\n## ")[0]
    headings = re.findall(r"^### (\S+)$", section, re.MULTILINE)
    assert headings == list(DOUBTS)
    assert all(re.fullmatch(r"D-[A-Z]+-\d\d", doubt_id) for doubt_id in DOUBTS)
    texts = re.findall(r"^### (\S+)\n\n\*\*(.+)\.\*\* ", section, re.MULTILINE)
    assert dict(texts) == dict(DOUBTS), "each text starts with the summary of the doubt"


def test_docs_and_tree_list_the_class_and_its_builtin() -> None:
    sections = dict(re.findall(r"^## (\S+)\n\n(.+)$", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    for error in EXAMPLES:
        kind = type(error)
        builtin = kind.__bases__[1].__name__
        section = sections[kind.id]
        assert section.startswith(f"`{kind.__name__}`")
        assert f"`{builtin}`" in section
        tree_line = next(line for line in (errors.__doc__ or "").splitlines() if f" {kind.__name__} " in line)
        assert kind.id in tree_line
        assert builtin in tree_line


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_attributes_of_each_error(error: EcgDigitError) -> None:
    assert re.fullmatch(r"E-[A-Z]+-\d\d", error.id)
    assert error.exit_code in {1, 2, 3, 4, 70}
    assert str(error) == error.message
    assert re.search(r"\.$|: (pip|qpdf|ecgdigit-rt) [^:]+$", error.hint), (
        "a hint ends with a full stop or a command"
    )
    builtins = [b for b in type(error).__mro__ if b.__module__ == "builtins"]
    assert builtins[0] is not Exception, "a leaf class inherits from a built-in exception"


def test_details_are_attributes() -> None:
    error = errors.TestCsvMalformed(HERE, 7, "lead", "unknown lead 'V9'")
    assert (error.path, error.line, error.column) == (HERE, 7, "lead")
    assert "line 7, column lead" in str(error)
    layout = errors.UnknownLayout(["4 rows", "labels I, V1"], ["3x4", "6x2"])
    assert "4 rows" in str(layout)
    assert "6x2" in layout.hint


def test_unknown_quality_is_described_as_unknown() -> None:
    error = errors.QualityTooLow(float("nan"), 12.0)
    assert error.message == "The expected quality is unknown; the minimum is 12 dB"


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_errors_can_be_sent_to_another_process(error: EcgDigitError) -> None:
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is type(error)
    assert (str(copied), copied.__dict__) == (str(error), error.__dict__)

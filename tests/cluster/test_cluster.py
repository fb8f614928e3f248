"""Runs on a local Ray cluster of two workers, which write the same rows as a run on one machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import fsspec
import pyarrow as pa
import pytest
from command_line import Capture
from PIL import Image
from pyarrow import parquet

from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.cluster.fetch import local_copy, page_count
from ecgdigit_rt.cluster.listing import list_files
from ecgdigit_rt.cluster.parts import ClusterPage, PartFolder, part_name
from ecgdigit_rt.cluster.ray_cluster import reraise_as_cluster_error, worker_count
from ecgdigit_rt.decode.page_list import is_address, pages_from_inputs
from ecgdigit_rt.errors import (
    ClusterUnusable,
    DependencyMissing,
    FileTooLarge,
    InputNotFound,
    NoGridFound,
    StorageUnusable,
    UnreadableImage,
)
from ecgdigit_rt.results import PageRef, failed_from_error

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SITE = """
import sys
if "--multiprocessing-fork" in sys.orig_argv:
    import os, pathlib, signal
    from ecgdigit_rt.runs.options import DigitizeOptions
    once = pathlib.Path(__file__).with_name("once")
    open_original = DigitizeOptions.page_digitizer
    def open_digitizer(self, threads):
        digitize = open_original(self, threads)
        def digitize_or_exit(page):
            if "crash" in page.path.name:
                os.kill(os.getpid(), signal.SIGSEGV)
            if "lost" in page.path.name and not once.exists():
                once.touch()
                os.kill(os.getppid(), signal.SIGKILL)
            return digitize(page)
        return digitize_or_exit
    DigitizeOptions.page_digitizer = open_digitizer
"""
"""Content of sitecustomize.py of the workers. A page called "crash" ends its process. A page called "lost"
ends the worker itself, but only once."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start two Ray nodes with one CPU each, and return the address of the cluster."""
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text(SITE)
    import_paths = [site, ROOT, *(ROOT / name for name in ("export", "engine", "kernels"))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, import_paths)))
        from ray.cluster_utils import Cluster

        memory_bytes = 100 * 2**20
        machine = {"num_cpus": 1, "object_store_memory": memory_bytes, "include_dashboard": False}
        started = Cluster(initialize_head=True, head_node_args=machine)
        try:
            started.add_node(num_cpus=1, object_store_memory=memory_bytes)
            started.wait_for_nodes()
            yield started.address
        finally:
            started.shutdown()  # type: ignore[no-untyped-call]


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write two pages of the same name, a file of two blank pages, and two invalid files."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "scans"
    for ward in ("a", "b"):
        (folder / ward).mkdir(parents=True)
        shutil.copy(EXAMPLES / "000000_render.jpg", folder / ward / "page.jpg")
    blank = Image.new("L", (400, 300), 255)
    blank.save(folder / "two.tif", save_all=True, append_images=[blank])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("not an image")
    return folder


def rows(out: Path) -> pa.Table:
    """Return all rows, sorted by page and lead."""
    files = [out] if out.is_file() else sorted(out.glob("*.parquet"))
    table = pa.concat_tables([parquet.read_table(path) for path in files])
    return table.sort_by([("page_id", "ascending"), ("lead", "ascending")])


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_cluster_writes_the_same_rows_as_one_machine(cluster: str, scans: Path, capsys: Capture) -> None:
    local = ["run", "scans", "--out", "one.parquet", "--threads", "1"]
    assert exit_code(local) == 2
    one = rows(Path("one.parquet"))
    assert exit_code(["run", "scans", "--out", "many", "--format", "parquet", "--cluster", cluster]) == 2
    assert rows(Path("many")).equals(one, check_metadata=True)
    assert set(one["error_id"].to_pylist()) >= {None, "E-INPUT-03"}
    messages = capsys.readouterr().err
    assert "2 workers on" in messages
    assert "2 digitized · 4 failed" in messages
    parts = {path: path.stat().st_mtime_ns for path in Path("many").iterdir()}

    # Inputs by URL: the workers fetch the files and count their pages.
    address = scans.as_uri()
    shutil.copy(scans / "two.tif", scans / "crash.png")
    (scans / "lost.png").touch()
    assert exit_code(["run", address, "--out", "fetched", "--cluster", cluster]) == 2
    table = rows(Path("fetched"))
    crashed = [row for row in table.to_pylist() if row["error_id"] == "E-PAGE-03"]
    assert [(row["page_id"], row["page"]) for row in crashed] == [("crash", 1), ("crash_p2", 2)]
    assert crashed[0]["message"].endswith("SIGSEGV")
    lost = [row["error_id"] for row in table.to_pylist() if row["page_id"] == "lost"]
    assert lost == ["E-INPUT-03"], "its worker was lost, and another worker digitized it exactly once"
    others = [row for row in table.to_pylist() if row["page_id"] not in ("crash", "crash_p2", "lost")]
    for row in others:
        for column in ("source", "message"):
            row[column] = row[column] and row[column].replace(address, "scans")
    assert pa.Table.from_pylist(others, schema=table.schema).equals(one)

    # Resumed run: pages in the output are skipped, and new pages are added.
    capsys.readouterr()
    assert exit_code(["run", "scans", "--out", "many", "--cluster", cluster]) == 2
    assert "resuming 6 of 9 pages are already done" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in parts} == parts
    counts = rows(Path("many")).group_by(["page_id", "lead"]).aggregate([([], "count_all")])
    assert set(counts["count_all"].to_pylist()) == {1}
    assert exit_code(["run", "scans", "--out", "many", "--cluster", cluster, "--enforce-einthoven"]) == 1
    assert "E-JOURNAL-01" in capsys.readouterr().err


def test_incompatible_options_are_rejected(scans: Path, capsys: Capture) -> None:
    rejected = {
        ("run", "s3://bucket/scans", "--out", "x.parquet"): "E-CLUSTER-01",
        ("run", "scans", "--out", "gs://bucket/x.parquet"): "E-CLUSTER-01",
        ("run", "scans", "--out", "x", "--cluster", "auto", "--format", "csv"): "E-FORMAT-02",
        (
            "run",
            "scans",
            "--out",
            "x",
            "--cluster",
            "auto",
            "--only-failed",
        ): "--only-failed cannot be combined",
        ("run", "scans", "--out", "x.csv", "--gpu-fraction", "0.5"): "--gpu-fraction needs",
    }
    for arguments, reason in rejected.items():
        assert exit_code(list(arguments)) == 1
        assert reason in " ".join(capsys.readouterr().err.replace("│", " ").split()), arguments


def test_no_cluster_at_the_address(scans: Path, capsys: Capture) -> None:
    assert exit_code(["run", "scans", "--out", "x", "--cluster", "here:there"]) == 3
    assert "E-CLUSTER-02" in capsys.readouterr().err


def test_urls_are_searched_like_folders(scans: Path) -> None:
    (scans / ".hidden").mkdir()
    shutil.copy(scans / "two.tif", scans / ".hidden/three.tif")
    (scans / "notes.txt").write_text("not a page")
    (scans / "page10.png").touch()
    (scans / "page9.png").touch()
    base = scans.as_uri()
    paths = [path.as_posix() for path in dict.fromkeys(page.path for page in pages_from_inputs(["scans"]))]
    assert list_files([base, base]) == [path.replace("scans", base, 1) for path in paths]
    assert list_files([f"{base}/p*.png"]) == [f"{base}/page9.png", f"{base}/page10.png"]
    assert list_files([f"{base}/notes.txt"]) == [f"{base}/notes.txt"]
    with pytest.raises(InputNotFound):
        list_files([f"{base}/nothing"])


def test_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(DependencyMissing, match="s3fs") as raised:
        list_files(["s3://bucket/scans"])
    assert raised.value.hint.endswith("'ecgdigit-rt[s3]'")
    with pytest.raises(StorageUnusable, match="nonsense"):
        list_files(["nonsense://bucket/scans"])
    assert not is_address("C:\\scans")


def test_local_copy_of_a_remote_file(scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe("/scans/two.tif", (scans / "two.tif").read_bytes())
    with local_copy("memory://scans/two.tif") as path:
        assert path.name == "two.tif"
        assert path.read_bytes() == (scans / "two.tif").read_bytes()
    assert not path.exists()
    assert page_count("memory://scans/two.tif") == 2
    assert page_count("memory://scans/none.tif") == 1
    with pytest.raises(InputNotFound, match=r"none\.tif"), local_copy("memory://scans/none.tif"):
        pass
    monkeypatch.setattr("ecgdigit_rt.cluster.fetch.MAX_FILE_BYTES", 10)
    with pytest.raises(FileTooLarge), local_copy("memory://scans/two.tif"):
        pass
    assert page_count("memory://scans/two.tif") == 1, "the error occurs when the page is digitized"


def test_page_count_of_a_file_that_cannot_be_fetched(scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.filesystem("memory").pipe("/scans/two.tif", (scans / "two.tif").read_bytes())
    address = "memory://scans/two.tif"
    errors = {
        UnreadableImage(Path("two.tif"), "no permission"): 1,
        PermissionError("no permission"): 1,
        StorageUnusable(address, "no connection"): None,
    }
    for error, count in errors.items():

        def fail(_: str, error: Exception = error) -> bytes:
            raise error

        monkeypatch.setattr("ecgdigit_rt.cluster.fetch._fetch", fail)
        if count is None:
            with pytest.raises(StorageUnusable):
                page_count(address)
        else:
            assert page_count(address) == count


def test_part_names_depend_on_pages() -> None:
    pages = [ClusterPage("a", "s3://bucket/a.png", 0), ClusterPage("b", "s3://bucket/b.tif", 1)]
    parts = PartFolder("memory://signals")
    results = [failed_from_error(PageRef(Path(page.source), page.number), NoGridFound()) for page in pages]
    assert parts.configuration() is None
    assert parts.reports() == {}
    parts.write_configuration({"--tta": "none"})
    for _ in range(2):  # a part that is written twice is a single file
        parts.write(list(zip(pages, results, strict=True)))
    assert parts.configuration() == {"--tta": "none"}
    assert (
        list(parts.reports()) == [page.key for page in pages] == [(pages[0].source, 1), (pages[1].source, 2)]
    )
    assert part_name(pages) != part_name(pages[::-1])
    fsspec.filesystem("memory").pipe("/signals/part-cut.parquet", b"PAR1")
    with pytest.raises(StorageUnusable, match="part-cut"):
        parts.reports()
    parts.clear()
    assert parts.reports() == {}
    assert parts.configuration() is None


def test_worker_count() -> None:
    assert worker_count("x", {"CPU": 16}, 1, 0) == 16
    assert worker_count("x", {"CPU": 16}, 4, 0) == 4
    assert worker_count("x", {"CPU": 16, "GPU": 2}, 1, 0.25) == 8
    assert worker_count("x", {"CPU": 16, "GPU": 4}, 1, 2) == 2
    with pytest.raises(ClusterUnusable, match="16 CPUs and 0 GPUs"):
        worker_count("x", {"CPU": 16}, 1, 0.25)


class _RayError(Exception):
    """Stands for ray.exceptions.RayError."""


_WORKER_ERROR = """ray::MapWorker(MapBatches(W)).submit() (pid=1)
  File "worker.py", line 8, in __call__
    raise StorageUnusable("s3://bucket/x", "no credentials")
ecgdigit_rt.errors.inputs.StorageUnusable: Cannot use s3://bucket/x: no credentials

The above exception was the direct cause of the following exception:

ray.exceptions.UserCodeException: UDF failed to process a data block.
To change retry attempts, configure `ray.data.DataContext.get_current()` if you think this is transient."""
"""Message of a RayError of Ray 2.60, shortened."""


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (_WORKER_ERROR, "StorageUnusable: Cannot use s3://bucket/x: no credentials"),
        ("The actor died.\n\tnode_id: 7", "node_id: 7"),
        ("", "_RayError"),
    ],
)
def test_ray_errors_name_the_error_of_the_worker(message: str, reason: str) -> None:
    ray = ModuleType("ray")
    ray.exceptions = SimpleNamespace(RayError=_RayError)  # type: ignore[attr-defined]
    with pytest.raises(ClusterUnusable) as caught, reraise_as_cluster_error("auto", ray):
        raise _RayError(message)
    assert caught.value.reason == reason

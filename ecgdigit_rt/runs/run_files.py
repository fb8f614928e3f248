"""The files that a run needs beside its output, and the lock that keeps a second run away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ecgdigit_rt.atomic_files import reraise_as_output_error
from ecgdigit_rt.errors import OutputInUse
from ecgdigit_rt.runs.report import report_path


@dataclass(frozen=True, slots=True)
class RunFiles:
    """`submission.csv` has its journal, spool and lock beside it, a folder of csv files `.csv.journal` in it.

    A folder's pages are written at once, so that its spool is never made.
    """

    out: Path
    is_folder: bool
    journal: Path
    spool: Path
    lock: Path

    def forget(self) -> None:
        """Remove what an earlier run noted and kept. Raises OutputNotWritable."""
        for path in (self.journal, self.spool):
            with reraise_as_output_error(path):
                path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While inside, no other run writes this output; the lock ends with the process, however that ends.

        What a run that was killed left half written is removed. Raises OutputInUse and OutputNotWritable.
        """
        import filelock

        made = [folder for folder in (self.lock.parent, *self.lock.parent.parents) if not folder.exists()]
        with reraise_as_output_error(self.lock):
            self.lock.parent.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.lock, timeout=0)
            try:
                lock.acquire()
            except filelock.Timeout as error:
                raise OutputInUse(self.out) from error
        try:
            with reraise_as_output_error(self.out):
                self._clear()
            yield
        finally:
            with suppress(OSError):
                self.lock.unlink()  # while it is held: who waits for it sees that it went
            lock.release()
            _remove_empty(made)

    def _clear(self) -> None:
        """Remove what `whole_file` and its like leave when they are killed."""
        begins = ["."] if self.is_folder else [f".{self.out.name}.", f".{report_path(self.out).name}."]
        for path in list(self.lock.parent.iterdir()):
            if path.name.endswith(".part") and path.name.startswith(tuple(begins)):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def run_files(out: Path, form: str, *, is_folder: bool) -> RunFiles:
    """Where they are. Each format has a journal of its own in a folder, since folders may be shared."""
    if is_folder:
        journal, spool = (out / f".{form}.{end}" for end in ("journal", "spool"))
        return RunFiles(out, is_folder, journal, spool, out / ".run.lock")
    journal, spool = (out.with_name(f"{out.name}.{end}") for end in ("journal", "spool"))
    return RunFiles(out, is_folder, journal, spool, out.with_name(f".{out.name}.lock"))


def _remove_empty(folders: list[Path]) -> None:
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()

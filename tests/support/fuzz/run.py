"""Fuzzer of one reader, based on atheris: python tests/support/fuzz/run.py NAME [libFuzzer options].

NAME is a key of SEEDS in seeds.py. If an input breaks its target, it is written to the current folder as
crash-…, oom-… or timeout-…. `python tests/support/fuzz/run.py NAME crash-…` runs only that file.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent))

with atheris.instrument_imports(include=["ecgdigit_rt.decode", "ecgdigit_rt.formats"]):
    from fuzz.seeds import SEEDS
    from fuzz.targets import target


def main() -> None:
    name, *options = sys.argv[1:]
    corpus = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    for number, data in enumerate(SEEDS[name]()):
        (corpus / f"seed-{number}").write_bytes(data)
    files = [option for option in options if not option.startswith("-")]
    limits = ["-rss_limit_mb=3000", "-timeout=20", "-max_len=200000", *options]
    atheris.Setup([sys.argv[0], *limits, *([] if files else [str(corpus)])], target(name))
    atheris.Fuzz()


if __name__ == "__main__":
    main()

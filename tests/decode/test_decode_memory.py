"""Memory that decoding takes, and its limit in processes that decode untrusted files."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import bombs
import numpy as np
import pytest
from PIL import Image
from sample_image import image_bytes

from ecgdigit_rt.child_process import Call, ChildProcess
from ecgdigit_rt.decode.limits import MAX_PIXELS, decode_bytes
from ecgdigit_rt.decode.memory_limit import has_grown, limited_memory
from ecgdigit_rt.decode.pixels import BAND_PIXELS, rgb_from_pixels
from ecgdigit_rt.digitizer import open_page_digitizer
from ecgdigit_rt.results import FAILED, Failed, PageRef
from ecgdigit_rt.worker_processes import WorkerProcess

SUPPORT = Path(__file__).parents[1] / "support"
LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the memory")
SIDE = 4000
FIXED_MB = 40
"""Memory of libraries that are loaded for the first image. Measured are 10 MB."""


@pytest.mark.parametrize(
    ("depth", "color_type", "bytes_per_pixel"), [(8, 0, 5), (8, 2, 7), (8, 6, 9), (16, 0, 6), (16, 6, 17)]
)
def test_memory_per_pixel(tmp_path: Path, depth: int, color_type: int, bytes_per_pixel: int) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(bombs.deep_png(SIDE, depth, color_type))
    probe = [sys.executable, "-W", "ignore", str(SUPPORT / "memory_probe.py")]
    done = subprocess.run(probe, input=str(path).encode(), capture_output=True, check=True, timeout=120)
    found = json.loads(done.stdout)
    assert found["error_id"] == ""
    assert found["grown_mb"] < FIXED_MB + bytes_per_pixel * SIDE**2 / 1e6


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("is_deep", [False, True])
def test_bands_are_converted_like_the_whole_image(channels: int, is_deep: bool) -> None:
    height, width = 700, 2 * BAND_PIXELS // 1000
    deep = np.random.default_rng(1).integers(0, 65536, (height, width, channels), np.uint16)
    pixels = deep if is_deep else deep.astype(np.uint8)
    rgb = rgb_from_pixels(pixels if channels > 1 else pixels[..., 0])
    assert rgb.shape == (height, width, 3) and rgb.flags.c_contiguous
    for start in (0, 333, 699):
        part = pixels[start : start + 1]
        np.testing.assert_array_equal(
            rgb_from_pixels(part if channels > 1 else part[..., 0]), rgb[start : start + 1]
        )


def _allocate(megabytes: int) -> str:
    """Allocate memory with a limit of 200 MB. Called in a child process."""
    with limited_memory(200_000_000):
        np.ones(megabytes * 1_000_000, np.uint8)
    np.ones(400_000_000, np.uint8)  # the limit has ended
    return "allocated"


def _keep(megabytes: int) -> bool:
    """Allocate memory that is not returned. Called in a child process."""
    with limited_memory(1_000_000_000):
        _kept.append(np.ones(megabytes * 1_000_000, np.uint8))
    return has_grown()


_kept: list[object] = []


def _open_allocate() -> Call:
    return _allocate


def _open_keep() -> Call:
    return _keep


@LINUX_ONLY
def test_allocations_beyond_the_limit_fail() -> None:
    process = ChildProcess(_open_allocate)
    try:
        assert process.call(100) == "allocated"
        with pytest.raises(MemoryError):
            process.call(300)
        assert process.call(100) == "allocated"
    finally:
        process.close()


@LINUX_ONLY
def test_a_process_that_has_grown_is_replaced() -> None:
    process = ChildProcess(_open_keep)
    try:
        assert [process.call(megabytes) for megabytes in (50, 50, 400, 50)] == [False, False, True, False]
    finally:
        process.close()


def test_the_default_limit_is_2_gb() -> None:
    assert decode_bytes(MAX_PIXELS) == 2_000_000_000


@LINUX_ONLY
@pytest.mark.parametrize(
    ("name", "data", "error_id"),
    [
        ("pdf", partial(bombs.content_pdf, b"0 0 m 9 9 l S ", 300), "E-PAGE-03"),
        ("png", partial(bombs.deep_png, 9000, 16, 6), "E-PAGE-05"),
    ],
)
def test_a_hostile_file_fails_alone_in_a_worker_process(
    tmp_path: Path, name: str, data: partial[bytes], error_id: str
) -> None:
    hostile, blank = tmp_path / f"a.{name}", tmp_path / "b.png"
    hostile.write_bytes(data())
    blank.write_bytes(image_bytes(Image.new("L", (900, 600), 255), "PNG"))
    arguments = {"method": "classical", "max_pixels": 81_000_000}  # a limit of 1.3 GB
    process = WorkerProcess(partial(open_page_digitizer, arguments, 1), timeout_s=100)
    try:
        results = [process.digitize(PageRef(path)) for path in (hostile, blank)]
    finally:
        process.close()
    assert [result.status for result in results] == [FAILED] * 2
    first, second = results
    assert isinstance(first, Failed) and first.error_id == error_id
    assert isinstance(second, Failed) and second.error_id in ("E-GRID-01", "E-PAGE-01", "E-ROWS-01")

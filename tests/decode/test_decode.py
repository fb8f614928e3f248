"""Decoding of image files to upright RGB, and named errors for damaged files."""

from __future__ import annotations

import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from bombs import png_from_chunks
from sample_image import HEIGHT, UPRIGHT, WIDTH, page
from tiff_files import bgr, encode, oriented_file

from ecgdigit_rt.decode.file_formats import rgb_from_file, rgb_from_page
from ecgdigit_rt.errors import (
    EcgDigitError,
    ImageSizeOutOfRange,
    InputNotFound,
    UnreadableImage,
    UnsupportedType,
)
from ecgdigit_rt.results import PageRef


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_is_applied(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = tmp_path / f"page{suffix}"
    path.write_bytes(oriented_file(suffix, orientation))
    expected = UPRIGHT[orientation](page()).astype(int)
    got = rgb_from_file(path).astype(int)
    assert got.shape == expected.shape
    tolerance = 3 if suffix == ".jpg" else 0  # JPEG is lossy, but has small errors in flat areas
    assert np.quantile(np.abs(got - expected), 0.9) <= tolerance


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff", ".bmp", ".webp", ".PNG", ".JPEG"])
def test_every_format_decodes_to_contiguous_rgb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"page{suffix}"
    path.write_bytes(encode(suffix.lower(), bgr(page())))
    got = rgb_from_page(PageRef(path))
    assert got.dtype == np.uint8
    assert got.flags.c_contiguous
    assert got.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(got[40, 50].astype(int) - (250, 10, 20)).max() <= 8
    assert np.abs(got[160, 50].astype(int) - (25, 35, 230)).max() <= 8


def bytes_read() -> int:
    """Return the number of bytes that this process has read from files."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])


@pytest.mark.skipif(sys.platform != "linux", reason="the number of bytes read is from /proc")
@pytest.mark.parametrize("size", [900_000_000, 1_500_000_000])
def test_bytes_behind_a_png_are_not_read(tmp_path: Path, size: int) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(encode(".png", bgr(page())))
    expected = rgb_from_file(path)
    os.truncate(path, size)  # without blocks on the disk
    before = bytes_read()
    assert np.array_equal(rgb_from_file(path), expected)
    assert bytes_read() - before < 1_000_000


def test_text_behind_a_png_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(encode(".png", bgr(page())) + b"trailing text that is not a chunk")
    assert rgb_from_file(path).shape == (HEIGHT, WIDTH, 3)


def test_16_bit_grey_is_reduced_to_8_bits(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    ramp = np.linspace(0, 65535, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    path.write_bytes(encode(".png", ramp.astype(np.uint16)))
    got = rgb_from_file(path)
    assert got.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(got[..., 1] - ramp / 257).max() <= 1
    assert (got[..., 0] == got[..., 2]).all()
    assert (got.min(), got.max()) == (0, 255)


def test_alpha_is_blended_with_white(tmp_path: Path) -> None:
    path = tmp_path / "alpha.png"
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[:, 100:, 3] = 255
    pixels[:, 200:] = (200, 100, 0, 128)  # BGRA
    path.write_bytes(encode(".png", pixels))
    got = rgb_from_file(path)
    assert tuple(got[5, 5]) == (255, 255, 255)
    assert tuple(got[5, 150]) == (0, 0, 0)
    assert np.abs(got[5, 250].astype(int) - (127, 177, 228)).max() <= 1


def test_palette_png(tmp_path: Path) -> None:
    rows = b"".join(b"\0" + bytes(x % 2 for x in range(WIDTH)) for _ in range(HEIGHT))
    data = png_from_chunks(
        (b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes([255, 0, 0, 10, 20, 30])),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    path = tmp_path / "palette.png"
    path.write_bytes(data)
    got = rgb_from_file(path)
    assert tuple(got[7, 0]) == (255, 0, 0)
    assert tuple(got[7, 1]) == (10, 20, 30)


def noise_image(suffix: str) -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    return encode(suffix, noise)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp", ".gif", ".avif"])
@pytest.mark.parametrize("share", [0.0002, 0.3, 0.8])
def test_truncated_file_raises(tmp_path: Path, suffix: str, share: float) -> None:
    data = noise_image(suffix)
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(data[: max(12, int(share * len(data)))])
    with pytest.raises(UnreadableImage) as caught:
        rgb_from_file(path)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"", UnreadableImage, "empty"),
        (b"id,value\n1,2\n", UnreadableImage, "text"),
        (b"\0\1\2\3" * 100, UnreadableImage, "not an image"),
        (b"\xff\xd8\xff\xd9", UnreadableImage, "header"),
        (b"GIF89a", UnreadableImage, "header"),
        (b"%PDF-1.7\n", UnreadableImage, "PDF is truncated"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", UnreadableImage, "HEIC data"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", UnreadableImage, "no image"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", UnreadableImage, "not an image"),
        (b"\0" * 128 + b"DICM", UnreadableImage, "DICOM header"),
        (b"<?xml version='1.0'?>\n<svg xmlns=", UnsupportedType, "SVG"),
    ],
)
def test_unknown_content_raises_named_error(
    tmp_path: Path, content: bytes, kind: type[EcgDigitError], words: str
) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(content)
    with pytest.raises(kind, match=words):
        rgb_from_file(path)


def test_size_limits_apply_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    path.write_bytes(encode(".png", np.zeros((30, 400, 3), np.uint8)))
    with pytest.raises(ImageSizeOutOfRange, match="400 x 30") as caught:
        rgb_from_file(path)
    assert "--max-pixels" not in caught.value.hint
    bomb = bytearray(encode(".png", np.zeros((HEIGHT, WIDTH, 3), np.uint8)))
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)
    path.write_bytes(bytes(bomb))
    with pytest.raises(ImageSizeOutOfRange, match="megapixels") as caught:
        rgb_from_file(path)
    assert "raise --max-pixels" in caught.value.hint


def test_missing_file_and_folder_raise(tmp_path: Path) -> None:
    with pytest.raises(InputNotFound):
        rgb_from_file(tmp_path / "none.png")
    with pytest.raises(UnreadableImage):
        rgb_from_file(tmp_path)

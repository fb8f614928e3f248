"""Colours of images with every sample depth and colour model of the supported formats."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from sample_image import (
    GREY,
    HEIGHT,
    UPRIGHT,
    WIDTH,
    assert_same,
    exif,
    grey_page,
    image_bytes,
    page,
    save_image,
)

from ecgdigit_rt.decode.file_formats import rgb_from_file
from ecgdigit_rt.errors import UnsupportedType

IMAGE = Image.fromarray(page())
BLACK_OR_WHITE = np.where(GREY > 100, 255, 0).astype(np.uint8)


def tiff(bits: int, photometric: int, data: bytes, *, samples: int = 1, extra: int | None = None) -> bytes:
    """Return a TIFF of one uncompressed strip.

    `photometric` is 0 if zero is white, 1 if zero is black, 2 for RGB and 5 for CMYK.
    """
    tags = [
        (256, WIDTH), (257, HEIGHT), (258, bits), (259, 1), (262, photometric), (273, 8),
        (277, samples), (278, HEIGHT), (279, len(data)),
    ]  # fmt: skip
    tags += [] if extra is None else [(338, extra)]
    at = 8 + len(data)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return struct.pack("<2sHI", b"II", 42, at) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_one_bit(tmp_path: Path, kind: str) -> None:
    image = Image.fromarray(BLACK_OR_WHITE).convert("1")
    assert_same(rgb_from_file(save_image(tmp_path / "page", image, kind)), BLACK_OR_WHITE)


@pytest.mark.parametrize("photometric", [0, 1])
def test_fax_is_black_on_white(tmp_path: Path, photometric: int) -> None:
    path = save_image(
        tmp_path / "fax.tif", Image.fromarray(BLACK_OR_WHITE).convert("1"), compression="group4"
    )
    tag = struct.pack("<HHI", 262, 3, 1)
    data = path.read_bytes()
    at = data.index(tag) + len(tag)
    stored = data[at]
    path.write_bytes(data[:at] + bytes([photometric]) + data[at + 1 :])
    assert_same(rgb_from_file(path), BLACK_OR_WHITE if photometric == stored else 255 - BLACK_OR_WHITE)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF"])
def test_palette(tmp_path: Path, kind: str) -> None:
    image = IMAGE.quantize(16)
    assert_same(rgb_from_file(save_image(tmp_path / "page", image, kind)), page())


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_transparent_pixels_are_white(tmp_path: Path, kind: str) -> None:
    image = IMAGE.convert("RGBA")
    image.putalpha(Image.fromarray(np.where(GREY[..., 0] == 90, 0, 255).astype(np.uint8)))
    options = {"lossless": True} if kind == "WEBP" else {}
    path = save_image(tmp_path / "page", image, kind, **options)
    expected = np.where(GREY == 90, 255, page())
    assert_same(rgb_from_file(path), expected.astype(np.uint8))


def test_half_transparent_tiff(tmp_path: Path) -> None:
    """Libtiff multiplies by alpha, so that a second multiplication would darken the page."""
    rgba = np.dstack([page(), np.full((HEIGHT, WIDTH), 128, np.uint8)])
    expected = np.rint(page() * (128 / 255) + 127).astype(np.uint8)
    path = save_image(tmp_path / "straight.tif", Image.fromarray(rgba))
    assert_same(rgb_from_file(path), expected, tolerance=1)
    multiplied = np.dstack([np.rint(page() * (128 / 255)).astype(np.uint8), rgba[..., 3]])
    path.write_bytes(tiff(8, 2, multiplied.tobytes(), samples=4, extra=1))
    assert_same(rgb_from_file(path), expected, tolerance=1)
    path.write_bytes(tiff(16, 2, (rgba.astype("<u2") * 257).tobytes(), samples=4, extra=2))
    assert_same(rgb_from_file(path), expected, tolerance=1)
    path.write_bytes(tiff(16, 2, (multiplied.astype("<u2") * 257).tobytes(), samples=4, extra=1))
    assert_same(rgb_from_file(path), expected, tolerance=1)


@pytest.mark.parametrize("bits", [1, 8, 16])
@pytest.mark.parametrize("photometric", [0, 1])
def test_grey_tiff_of_either_polarity(tmp_path: Path, bits: int, photometric: int) -> None:
    grey = BLACK_OR_WHITE[..., 0] if bits == 1 else grey_page()
    stored: dict[int, bytes] = {
        1: np.packbits(grey > 0, axis=1).tobytes(),
        8: grey.tobytes(),
        16: (grey.astype("<u2") * np.uint16(257)).tobytes(),
    }
    path = tmp_path / "grey.tif"
    path.write_bytes(tiff(bits, photometric, stored[bits]))
    assert_same(rgb_from_file(path), np.dstack([grey if photometric == 1 else 255 - grey] * 3))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "deep"
    ok, data = cv2.imencode("." + kind.lower(), page()[..., ::-1].astype(np.uint16) * 257)
    assert ok
    path.write_bytes(bytes(data))
    assert_same(rgb_from_file(path), page())


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_deflate"}])
def test_cmyk_tiff(tmp_path: Path, options: dict[str, str]) -> None:
    path = save_image(tmp_path / "page.tif", IMAGE.convert("CMYK"), **options)
    assert_same(rgb_from_file(path), page(), tolerance=1)


def ycck_jpeg() -> bytes:
    """Return a JPEG like those of Photoshop: inverted CMYK with three channels in YCbCr (Adobe 2)."""
    black = np.zeros((HEIGHT, WIDTH), np.uint8)
    ycc = np.asarray(
        Image.fromarray(255 - page()).convert("YCbCr")
    )  # colours of the ink, which are 255 - light
    stored = np.dstack(
        [255 - ycc, black]
    )  # Pillow inverts the values that it writes, so that 255 - ink is stored
    data = bytearray(
        image_bytes(Image.frombytes("CMYK", (WIDTH, HEIGHT), stored.tobytes()), "JPEG", quality=95)
    )
    at = data.index(b"Adobe")
    data[at + 11] = 2
    return bytes(data)


def test_cmyk_jpeg(tmp_path: Path) -> None:
    path = save_image(tmp_path / "page.jpg", IMAGE.convert("CMYK"), quality=95)
    assert b"Adobe" in path.read_bytes()
    assert_same(rgb_from_file(path), page(), tolerance=2)
    path.write_bytes(ycck_jpeg())
    with Image.open(path) as opened:  # verifies the file itself
        assert opened.mode == "CMYK"
        assert_same(np.array(opened.convert("RGB")), page(), tolerance=3)
    assert_same(rgb_from_file(path), page(), tolerance=3)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_grey(tmp_path: Path, kind: str) -> None:
    path = save_image(tmp_path / "page", IMAGE.convert("L"), kind, quality=95)
    assert_same(rgb_from_file(path), np.dstack([np.asarray(IMAGE.convert("L"))] * 3), tolerance=3)


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_avif_orientation(tmp_path: Path, orientation: int) -> None:
    path = save_image(tmp_path / "page.avif", IMAGE, quality=95, exif=exif(orientation))
    assert_same(rgb_from_file(path), UPRIGHT[orientation](page()), tolerance=6)


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_webp_orientation(tmp_path: Path, orientation: int) -> None:
    path = save_image(tmp_path / "page.webp", IMAGE, lossless=True, exif=exif(orientation))
    assert_same(rgb_from_file(path), UPRIGHT[orientation](page()))


def test_10_bit_avif(tmp_path: Path) -> None:
    deep = page()[..., ::-1].astype(np.uint16) * 4
    ok, data = cv2.imencode(".avif", deep, [cv2.IMWRITE_AVIF_DEPTH, 10])
    assert ok
    path = tmp_path / "page.avif"
    path.write_bytes(bytes(data))
    assert_same(rgb_from_file(path), page(), tolerance=6)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_first_frame_of_an_animation(tmp_path: Path, kind: str) -> None:
    others = [Image.fromarray(255 - page()), Image.fromarray(page()[::-1])]
    path = save_image(tmp_path / "page", IMAGE, kind, save_all=True, append_images=others, duration=100)
    assert_same(rgb_from_file(path), page(), tolerance=6)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tiff(4, 1, bytes(HEIGHT * WIDTH // 2)), "4 bits"),
        (tiff(16, 5, bytes(HEIGHT * WIDTH * 8), samples=4), "colour model 5"),
        (image_bytes(IMAGE.convert("F"), "TIFF"), "float32"),
        (image_bytes(IMAGE.convert("I"), "TIFF"), "int32"),
    ],
)
def test_unsupported_samples_raise(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "page.tif"
    path.write_bytes(data)
    with pytest.raises(UnsupportedType, match=words):
        rgb_from_file(path)

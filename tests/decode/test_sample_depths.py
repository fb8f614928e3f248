"""Every way in which a picture's samples are stored comes out in the right colours."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from sample_picture import HEIGHT, UPRIGHT, WIDTH, assert_same, data_of, exif, grey_page, page, written

from ecgdigit_rt.decode.decode_page import rgb_from_file
from ecgdigit_rt.errors import UnsupportedType

PICTURE = Image.fromarray(page())
GREY = np.dstack([grey_page()] * 3)
BLACK_OR_WHITE = np.where(GREY > 100, 255, 0).astype(np.uint8)


def tiff(bits: int, meaning: int, data: bytes, *, samples: int = 1, extra: int | None = None) -> bytes:
    """One uncompressed strip. `meaning`: 0 zero is white, 1 zero is black, 2 RGB, 5 CMYK."""
    tags = [
        (256, WIDTH), (257, HEIGHT), (258, bits), (259, 1), (262, meaning), (273, 8),
        (277, samples), (278, HEIGHT), (279, len(data)),
    ]  # fmt: skip
    tags += [] if extra is None else [(338, extra)]
    at = 8 + len(data)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return struct.pack("<2sHI", b"II", 42, at) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_one_bit(tmp_path: Path, kind: str) -> None:
    picture = Image.fromarray(BLACK_OR_WHITE).convert("1")
    assert_same(rgb_from_file(written(tmp_path / "page", picture, kind)), BLACK_OR_WHITE)


@pytest.mark.parametrize("meaning", [0, 1])
def test_a_fax_is_black_on_white(tmp_path: Path, meaning: int) -> None:
    path = written(tmp_path / "fax.tif", Image.fromarray(BLACK_OR_WHITE).convert("1"), compression="group4")
    tag = struct.pack("<HHI", 262, 3, 1)
    data = path.read_bytes()
    at = data.index(tag) + len(tag)
    was = data[at]
    path.write_bytes(data[:at] + bytes([meaning]) + data[at + 1 :])
    assert_same(rgb_from_file(path), BLACK_OR_WHITE if meaning == was else 255 - BLACK_OR_WHITE)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF"])
def test_palette(tmp_path: Path, kind: str) -> None:
    picture = PICTURE.quantize(16)
    assert_same(rgb_from_file(written(tmp_path / "page", picture, kind)), page())


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_what_is_transparent_is_white(tmp_path: Path, kind: str) -> None:
    picture = PICTURE.convert("RGBA")
    picture.putalpha(Image.fromarray(np.where(GREY[..., 0] == 90, 0, 255).astype(np.uint8)))
    options = {"lossless": True} if kind == "WEBP" else {}
    path = written(tmp_path / "page", picture, kind, **options)
    expected = np.where(GREY == 90, 255, page())
    assert_same(rgb_from_file(path), expected.astype(np.uint8))


def test_a_tiff_that_is_half_transparent(tmp_path: Path) -> None:
    """libtiff multiplies by alpha on its way; doing so again would darken the page."""
    rgba = np.dstack([page(), np.full((HEIGHT, WIDTH), 128, np.uint8)])
    expected = np.rint(page() * (128 / 255) + 127).astype(np.uint8)
    path = written(tmp_path / "straight.tif", Image.fromarray(rgba))
    assert_same(rgb_from_file(path), expected, tolerance=1)
    multiplied = np.dstack([np.rint(page() * (128 / 255)).astype(np.uint8), rgba[..., 3]])
    path.write_bytes(tiff(8, 2, multiplied.tobytes(), samples=4, extra=1))
    assert_same(rgb_from_file(path), expected, tolerance=1)
    path.write_bytes(tiff(16, 2, (rgba.astype("<u2") * 257).tobytes(), samples=4, extra=2))
    assert_same(rgb_from_file(path), expected, tolerance=1)
    path.write_bytes(tiff(16, 2, (multiplied.astype("<u2") * 257).tobytes(), samples=4, extra=1))
    assert_same(rgb_from_file(path), expected, tolerance=1)


@pytest.mark.parametrize("bits", [1, 8, 16])
@pytest.mark.parametrize("meaning", [0, 1])
def test_grey_tiff_of_either_sign(tmp_path: Path, bits: int, meaning: int) -> None:
    grey = BLACK_OR_WHITE[..., 0] if bits == 1 else grey_page()
    stored: dict[int, bytes] = {
        1: np.packbits(grey > 0, axis=1).tobytes(),
        8: grey.tobytes(),
        16: (grey.astype("<u2") * np.uint16(257)).tobytes(),
    }
    path = tmp_path / "grey.tif"
    path.write_bytes(tiff(bits, meaning, stored[bits]))
    assert_same(rgb_from_file(path), np.dstack([grey if meaning == 1 else 255 - grey] * 3))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "deep"
    ok, data = cv2.imencode("." + kind.lower(), page()[..., ::-1].astype(np.uint16) * 257)
    assert ok
    path.write_bytes(bytes(data))
    assert_same(rgb_from_file(path), page())


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_deflate"}])
def test_cmyk_tiff(tmp_path: Path, options: dict[str, str]) -> None:
    path = written(tmp_path / "page.tif", PICTURE.convert("CMYK"), **options)
    assert_same(rgb_from_file(path), page(), tolerance=1)


def ycck_jpeg() -> bytes:
    """As Photoshop writes it: inverted CMYK whose first three channels went through YCbCr (Adobe 2)."""
    black = np.zeros((HEIGHT, WIDTH), np.uint8)
    ycc = np.asarray(Image.fromarray(255 - page()).convert("YCbCr"))  # of the ink: 255 - light
    stored = np.dstack([255 - ycc, black])  # Pillow inverts while it writes; what is stored is 255 - ink
    data = bytearray(data_of(Image.frombytes("CMYK", (WIDTH, HEIGHT), stored.tobytes()), "JPEG", quality=95))
    at = data.index(b"Adobe")
    data[at + 11] = 2
    return bytes(data)


def test_cmyk_jpeg(tmp_path: Path) -> None:
    path = written(tmp_path / "page.jpg", PICTURE.convert("CMYK"), quality=95)
    assert b"Adobe" in path.read_bytes()
    assert_same(rgb_from_file(path), page(), tolerance=2)
    path.write_bytes(ycck_jpeg())
    with Image.open(path) as opened:  # the file is what it should be: Pillow agrees
        assert opened.mode == "CMYK"
        assert_same(np.array(opened.convert("RGB")), page(), tolerance=3)
    assert_same(rgb_from_file(path), page(), tolerance=3)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_grey_and_lossy(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "page", PICTURE.convert("L"), kind, quality=95)
    assert_same(rgb_from_file(path), np.dstack([np.asarray(PICTURE.convert("L"))] * 3), tolerance=3)


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_turned_avif(tmp_path: Path, orientation: int) -> None:
    path = written(tmp_path / "page.avif", PICTURE, quality=95, exif=exif(orientation))
    assert_same(rgb_from_file(path), UPRIGHT[orientation](page()), tolerance=6)


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_turned_webp(tmp_path: Path, orientation: int) -> None:
    path = written(tmp_path / "page.webp", PICTURE, lossless=True, exif=exif(orientation))
    assert_same(rgb_from_file(path), UPRIGHT[orientation](page()))


def test_an_avif_of_ten_bits(tmp_path: Path) -> None:
    deep = page()[..., ::-1].astype(np.uint16) * 4
    ok, data = cv2.imencode(".avif", deep, [cv2.IMWRITE_AVIF_DEPTH, 10])
    assert ok
    path = tmp_path / "page.avif"
    path.write_bytes(bytes(data))
    assert_same(rgb_from_file(path), page(), tolerance=6)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_of_an_animation_the_first_frame(tmp_path: Path, kind: str) -> None:
    others = [Image.fromarray(255 - page()), Image.fromarray(page()[::-1])]
    path = written(tmp_path / "page", PICTURE, kind, save_all=True, append_images=others, duration=100)
    assert_same(rgb_from_file(path), page(), tolerance=6)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tiff(4, 1, bytes(HEIGHT * WIDTH // 2)), "4 bits"),
        (tiff(16, 5, bytes(HEIGHT * WIDTH * 8), samples=4), "colour model 5"),
        (data_of(PICTURE.convert("F"), "TIFF"), "float32"),
        (data_of(PICTURE.convert("I"), "TIFF"), "int32"),
    ],
)
def test_samples_that_are_not_read_are_named(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "page.tif"
    path.write_bytes(data)
    with pytest.raises(UnsupportedType, match=words):
        rgb_from_file(path)

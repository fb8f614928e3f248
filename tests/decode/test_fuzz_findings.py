"""Regression tests for fuzzing findings, and random mutations of valid files of every format."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

import bombs
import numpy as np
import pytest
from fuzz.seeds import SEEDS
from fuzz.targets import target
from pdf_files import image_object, pdf
from PIL import Image
from sample_image import image_bytes, page

from ecgdigit_rt.decode.file_formats import rgb_from_file
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.errors import InputError, TestCsvMalformed, UnreadableImage
from ecgdigit_rt.formats.test_csv import read_test_csv
from ecgdigit_rt.results import PageRef

MUTATIONS = 25
"""Number of mutations per seed. fuzz/run.py runs without a limit."""


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return `data` with a few bytes flipped, set to extreme values, removed or duplicated."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(min(len(out), rng.choice((64, 512, len(out)))))
        match rng.randrange(5):
            case 0:
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                out[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                out[at : at + 4] = struct.pack(">I", rng.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 60_000)))
            case 3:
                del out[at : at + rng.randrange(1, 9)]
            case _:
                out[at:at] = out[at : at + rng.randrange(1, 9)]
        if not out:
            return b"\0"
    return bytes(out)


@pytest.mark.parametrize("name", SEEDS)
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom warns about values that it repairs
def test_mutated_files_raise_named_errors_or_decode(name: str) -> None:
    rng, check = random.Random(7), target(name)
    for seed in SEEDS[name]():
        check(seed)
        for _ in range(MUTATIONS):
            check(mutate(seed, rng))


def test_chunk_longer_than_the_file_raises(tmp_path: Path) -> None:
    data = bytearray(bombs.png(300, 300, 300))
    struct.pack_into(">I", data, 33, 0xFFFF0233)  # length of IDAT, which OpenCV would allocate: 4 GB
    (tmp_path / "page.png").write_bytes(data)
    with pytest.raises(UnreadableImage, match="ends inside a chunk"):
        rgb_from_file(tmp_path / "page.png")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_dicom_element_of_odd_length_raises(tmp_path: Path) -> None:
    """Exceptions of pydicom that are not ValueErrors must not end the run while pages are counted."""
    path = tmp_path / "page.dcm"
    group_length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, 200)
    path.write_bytes(bytes(128) + b"DICM" + group_length + struct.pack("<HH2sHB", 2, 1, b"US", 1, 7))
    assert pages_from_inputs([path]) == [PageRef(path)]
    with pytest.raises(UnreadableImage, match="DICOM"):
        rgb_from_file(path)
    path.write_bytes(struct.pack("<HHI", 2, 0, 5) + bytes(40))
    assert pages_from_inputs([path]) == [PageRef(path)]
    with pytest.raises(UnreadableImage, match="DICOM"):
        rgb_from_file(path)


def test_message_quotes_damaged_values_only_in_part(tmp_path: Path) -> None:
    path = tmp_path / "page.dcm"
    value = b"x" * 65_001
    path.write_bytes(struct.pack("<HHI", 8, 5, 0) + struct.pack("<HHI", 0x28, 0x10, len(value)) + value)
    with pytest.raises(UnreadableImage) as caught:
        rgb_from_file(path)
    assert len(caught.value.message) < 500


def test_heic_of_unknown_version_raises(tmp_path: Path) -> None:
    """Pillow-heif raises SyntaxError for an unknown version."""
    data = bytearray(bombs.with_declared_size(SEEDS["heic"]()[0], 320, 200))
    data[data.index(b"iloc") + 4] = 10
    (tmp_path / "page.heic").write_bytes(data)
    with pytest.raises(UnreadableImage, match="HEIC"):
        rgb_from_file(tmp_path / "page.heic")


def test_pdf_filter_with_invalid_name(tmp_path: Path) -> None:
    xobject = image_object(300, 300, bytes(90_000), b"/ColorSpace/DeviceGray/Filter/Flat#f6")
    (tmp_path / "page.pdf").write_bytes(pdf(b"q 595 0 0 842 0 0 cm /Im Do Q", more=xobject))
    try:
        rgb_from_file(tmp_path / "page.pdf")
    except InputError as error:
        assert isinstance(error, UnreadableImage)


def test_unterminated_csv_cell_raises(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_bytes(b'id,lead,fs,number_of_rows\n"' + b"x" * 200_000)
    with pytest.raises(TestCsvMalformed, match="field"):
        read_test_csv(tmp_path / "test.csv")


@pytest.mark.parametrize(
    "fill",
    [b"\xff" * 20_000_000, b"\xff\xd0" * 10_000_000, b"\xff\xe2\0\2" * 5_000_000],
    ids=["fill bytes", "markers without length", "empty segments"],
)
def test_endless_jpeg_header_raises(tmp_path: Path, fill: bytes) -> None:
    (tmp_path / "page.jpg").write_bytes(b"\xff\xd8" + fill)
    with pytest.raises(UnreadableImage):
        rgb_from_file(tmp_path / "page.jpg")


def test_os2_bitmap(tmp_path: Path) -> None:
    """The header has 16-bit sides, which would be billions of pixels if parsed as 32-bit sides."""
    rows = page()[::-1, :, ::-1]
    head = struct.pack("<IHHHH", 12, rows.shape[1], rows.shape[0], 1, 24)
    data = b"BM" + struct.pack("<IHHI", 26 + rows.size, 0, 0, 26) + head + rows.tobytes()
    (tmp_path / "page.bmp").write_bytes(data)
    np.testing.assert_array_equal(rgb_from_file(tmp_path / "page.bmp"), page())


def test_png_of_many_chunks(tmp_path: Path) -> None:
    data = image_bytes(Image.fromarray(page()), "PNG")
    at = data.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", data, at)
    body = data[at + 8 : at + 8 + length]
    chunks = [b"IDAT" + body[k : k + 1] for k in range(len(body))]
    split = b"".join(struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
    (tmp_path / "page.png").write_bytes(data[:at] + split + data[at + 12 + length :])
    np.testing.assert_array_equal(rgb_from_file(tmp_path / "page.png"), page())

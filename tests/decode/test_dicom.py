"""DICOM: every way in which a scan may be stored; what holds no picture is refused by name."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from dicom_files import GREY, compressed, dataset, picture
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.uid import (
    MPEG2MPML,
    EncapsulatedPDFStorage,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    TwelveLeadECGWaveformStorage,
)
from sample_picture import assert_same, data_of, grey_page, page

from ecgdigit_rt.decode.decode_page import rgb_from_file, rgb_from_page
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.errors import (
    DependencyMissing,
    EcgDigitError,
    ImageSizeOutOfRange,
    UnreadableImage,
    UnsupportedType,
)
from ecgdigit_rt.results import PageRef


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "IM00001.dcm"


def test_colours(path: Path) -> None:
    picture(page(), "RGB").save_as(path)
    assert pages_from_inputs([path.parent]) == [PageRef(path)]
    assert_same(rgb_from_file(path), page())


def test_luminance_and_chrominance(path: Path) -> None:
    picture(np.asarray(Image.fromarray(page()).convert("YCbCr")), "YBR_FULL").save_as(path)
    assert_same(rgb_from_file(path), page(), tolerance=2)


def test_sixteen_bit_colours(path: Path) -> None:
    picture(page().astype(np.uint16) * 16, "RGB", bits=12).save_as(path)
    assert_same(rgb_from_file(path), page(), tolerance=1)


@pytest.mark.parametrize(
    ("stored", "bits", "elements"),
    [
        (grey_page(), 8, {}),
        (grey_page().astype(np.uint16) * 257, 16, {}),
        (np.rint(grey_page() * (4095 / 255)).astype(np.uint16), 12, {}),
        (grey_page().astype(np.int16) - 128, 8, {}),
        (grey_page().astype(np.uint16) * 2 + 1000, 16, {"WindowCenter": 1255.5, "WindowWidth": 511}),
        (grey_page().astype(np.uint16) + 1000, 16, {"WindowCenter": [1128, 40], "WindowWidth": [256, 80]}),
        (
            grey_page().astype(np.uint16) + 1000,
            16,
            {"WindowCenter": 256, "WindowWidth": 511, "RescaleSlope": 2, "RescaleIntercept": -2000},
        ),
        (grey_page(), 8, {"RescaleSlope": 3, "RescaleIntercept": 7, "WindowWidth": None}),
    ],
    ids=["8", "16", "12", "signed", "window", "two windows", "rescaled window", "rescaled"],
)
@pytest.mark.parametrize("meaning", ["MONOCHROME1", "MONOCHROME2"])
def test_greys(
    path: Path, stored: NDArray[np.generic], bits: int, elements: dict[str, object], meaning: str
) -> None:
    picture(stored, meaning, bits, **elements).save_as(path)
    assert_same(rgb_from_file(path), 255 - GREY if meaning == "MONOCHROME1" else GREY, tolerance=1)


@pytest.mark.parametrize("depth", [8, 16])
def test_palette(path: Path, depth: int) -> None:
    indexed = Image.fromarray(page()).quantize(16)
    palette = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)
    tables = palette if depth == 8 else palette.astype(np.uint16) * 257
    made = picture(np.asarray(indexed), "PALETTE COLOR")
    for number, name in enumerate(("Red", "Green", "Blue")):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [len(palette), 0, depth])
        setattr(made, f"{name}PaletteColorLookupTableData", tables[:, number].tobytes())
    made.save_as(path)
    assert_same(rgb_from_file(path), page())


@pytest.mark.parametrize("is_compressed", [False, True])
def test_frames_are_pages(path: Path, is_compressed: bool) -> None:
    frames = [page(), np.ascontiguousarray(page()[::-1]), 255 - page()]
    made = picture(np.stack(frames), "RGB")
    if is_compressed:
        made.compress(RLELossless)
    made.save_as(path)
    found = pages_from_inputs([path])
    assert found == [PageRef(path, 0), PageRef(path, 1), PageRef(path, 2)]
    for ref, expected in zip(found, frames, strict=True):
        assert_same(rgb_from_page(ref), expected)
    with pytest.raises(UnreadableImage, match="3 pages, and page 4"):
        rgb_from_page(PageRef(path, 3))


def test_jpeg(path: Path) -> None:
    jpeg = data_of(Image.fromarray(page()), "JPEG", quality=95)
    made = picture(page(), "YBR_FULL_422")
    compressed(made, JPEGBaseline8Bit, jpeg).save_as(path)
    assert_same(rgb_from_file(path), page(), tolerance=3)
    grey = data_of(Image.fromarray(grey_page()), "JPEG", quality=95)
    compressed(picture(grey_page(), "MONOCHROME1"), JPEGBaseline8Bit, grey).save_as(path)
    assert_same(rgb_from_file(path), 255 - GREY, tolerance=3)


def test_jpeg_2000(path: Path) -> None:
    data = data_of(Image.fromarray(page()), "JPEG2000", no_jp2=True, mct=0)
    compressed(picture(page(), "RGB"), JPEG2000Lossless, data).save_as(path)
    assert_same(rgb_from_file(path), page())


def lossless_jpeg(stored: NDArray[np.uint8]) -> bytes:
    """ITU-T T.81, annex H: first-order prediction, and a code of four bits for each length 0 to 8."""
    channels = np.atleast_3d(stored).astype(int)
    height, width, count = channels.shape
    left = np.roll(channels, 1, axis=1)
    left[1:, 0] = channels[:-1, 0]
    left[0, 0] = 128
    bits = "".join(_coded(step) for step in ((channels - left + 128) % 256 - 128).ravel().tolist())
    packed = int(bits + "1" * (-len(bits) % 8), 2).to_bytes((len(bits) + 7) // 8, "big")
    parts = [(number + 1, 0x11, 0) for number in range(count)]
    frame = struct.pack(">BHHB", 8, height, width, count) + b"".join(bytes(part) for part in parts)
    table = bytes([0, 0, 0, 0, 9, *[0] * 12, *range(9)])
    start = bytes([count, *(x for number in range(count) for x in (number + 1, 0)), 1, 0, 0])
    segments = ((0xC3, frame), (0xC4, table), (0xDA, start))
    head = b"".join(struct.pack(">BBH", 0xFF, mark, len(body) + 2) + body for mark, body in segments)
    return b"\xff\xd8" + head + packed.replace(b"\xff", b"\xff\0") + b"\xff\xd9"


def _coded(step: int) -> str:
    length = abs(step).bit_length()
    value = step if step >= 0 else step + 2**length - 1
    return f"{length:04b}" + (f"{value:0{length}b}" if length else "")


@pytest.mark.parametrize("meaning", ["RGB", "MONOCHROME2"])
def test_lossless_jpeg_needs_no_further_package(path: Path, meaning: str) -> None:
    frames = [page(), page()[::-1]] if meaning == "RGB" else [grey_page(), grey_page()[::-1]]
    made = compressed(picture(np.stack(frames), meaning), JPEGLosslessSV1, *map(lossless_jpeg, frames))
    made.save_as(path)
    for number, frame in enumerate(frames):
        expected = frame if frame.ndim == 3 else np.dstack([frame] * 3)
        assert_same(rgb_from_page(PageRef(path, number)), np.ascontiguousarray(expected))


@pytest.mark.parametrize(("syntax", "name"), [(JPEGLSLossless, "JPEG-LS"), (MPEG2MPML, "MPEG2")])
def test_what_nothing_decompresses_is_named(path: Path, syntax: str, name: str) -> None:
    compressed(picture(page(), "RGB"), syntax, b"\0" * 100).save_as(path)
    with pytest.raises(UnsupportedType, match=f"DICOM file with {name}") as caught:
        rgb_from_file(path)
    assert "dcmdjpeg" in caught.value.hint


@pytest.mark.parametrize("is_implicit", [True, False])
def test_without_the_preamble(path: Path, is_implicit: bool) -> None:
    made = Dataset()
    made.update(picture(page(), "RGB"))
    made.save_as(path, implicit_vr=is_implicit, little_endian=True)
    assert path.read_bytes()[:2] == b"\x08\0"
    assert_same(rgb_from_file(path), page())


def test_a_pdf_inside(path: Path) -> None:
    pages = [Image.fromarray(page()), Image.fromarray(255 - page())]
    document = data_of(pages[0], "PDF", save_all=True, append_images=pages[1:], resolution=100, quality=95)
    made = dataset(EncapsulatedPDFStorage, MIMETypeOfEncapsulatedDocument="application/pdf")
    made.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    made.save_as(path)
    found = pages_from_inputs([path])
    assert found == [PageRef(path, 0), PageRef(path, 1)]
    assert_same(rgb_from_page(found[1]), 255 - page(), tolerance=4)


def test_a_waveform_is_named(path: Path) -> None:
    made = dataset(TwelveLeadECGWaveformStorage)
    made.WaveformSequence = [Dataset()]
    made.save_as(path)
    assert pages_from_inputs([path.parent]) == [PageRef(path)]
    with pytest.raises(UnsupportedType, match=r"waveform .12-lead ECG") as caught:
        rgb_from_file(path)
    assert "signals themselves" in caught.value.hint


def test_a_report_is_named(path: Path) -> None:
    dataset("1.2.840.10008.5.1.4.1.1.88.11").save_as(path)
    with pytest.raises(UnsupportedType, match=r"without an image .Basic Text SR"):
        rgb_from_file(path)


def test_size_is_bounded_before_decoding(path: Path) -> None:
    made = picture(page(), "RGB")
    made.Rows = made.Columns = 60_000
    made.save_as(path)
    with pytest.raises(ImageSizeOutOfRange, match="megapixels"):
        rgb_from_file(path)


def test_a_count_that_cannot_be_is_one_page_that_fails(path: Path) -> None:
    picture(page(), "RGB", NumberOfFrames=2_000_000_000).save_as(path)
    assert pages_from_inputs([path]) == [PageRef(path)]
    with pytest.raises(UnreadableImage, match="2000000000 pages"):
        rgb_from_file(path)


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_a_scale_of_zero_and_a_count_that_is_no_number_are_damage(path: Path) -> None:
    made = picture(grey_page(), "MONOCHROME2", RescaleSlope="0", RescaleIntercept="0")
    made.save_as(path)
    with pytest.raises(UnreadableImage, match="damaged"):
        rgb_from_file(path)
    text = path.read_bytes()
    made = picture(grey_page(), "MONOCHROME2", NumberOfFrames=11)
    made.save_as(path)
    data = path.read_bytes()
    assert data != text
    path.write_bytes(data.replace(b"IS\x02\x0011", b"IS\x02\x00xx"))
    assert pages_from_inputs([path]) == [PageRef(path)]
    with pytest.raises(UnreadableImage):
        rgb_from_file(path)


@pytest.mark.parametrize("share", [0.001, 0.0025, 0.3, 0.9])
def test_cut_short(path: Path, share: float) -> None:
    picture(page(), "RGB").save_as(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert len(pages_from_inputs([path])) == 1
    with pytest.raises(UnreadableImage, match="DICOM"):
        rgb_from_file(path)


@pytest.mark.parametrize(
    "keyword", ["BitsStored", "PhotometricInterpretation", "SamplesPerPixel", "PixelData"]
)
def test_an_element_that_is_missing(path: Path, keyword: str) -> None:
    made = picture(grey_page(), "MONOCHROME2")
    delattr(made, keyword)
    made.save_as(path)
    with pytest.raises(EcgDigitError, match="DICOM pixel data are damaged"):
        rgb_from_file(path)


def test_only_the_frame_that_is_asked_for_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(np.stack([page()] * 50), "RGB").save_as(path)
    assert "PixelData" not in dcmread(path, stop_before_pixels=True)
    from ecgdigit_rt.decode import dicom_frame

    monkeypatch.setattr(dicom_frame, "_whole", None)
    monkeypatch.setattr(dicom_frame, "_compressed", None)
    assert_same(rgb_from_page(PageRef(path, 49)), page())


def test_without_the_extra_the_page_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(page(), "RGB").save_as(path)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    assert pages_from_inputs([path.parent]) == [PageRef(path)]
    with pytest.raises(DependencyMissing, match="DICOM file needs pydicom") as caught:
        rgb_from_file(path)
    assert "ecgdigit-rt[dicom]" in caught.value.hint

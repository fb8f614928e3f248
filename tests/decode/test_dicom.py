"""Decoding of DICOM files with every pixel encoding, and named errors for files without an image."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from dicom_files import dataset, image_dataset, with_compressed_frames
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread, dcmwrite
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
from sample_image import GREY, assert_same, grey_page, image_bytes, page

from ecgdigit_rt.decode.file_formats import rgb_from_file, rgb_from_page
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


def test_rgb(path: Path) -> None:
    image_dataset(page(), "RGB").save_as(path)
    assert pages_from_inputs([path.parent]) == [PageRef(path)]
    assert_same(rgb_from_file(path), page())


def test_ybr(path: Path) -> None:
    image_dataset(np.asarray(Image.fromarray(page()).convert("YCbCr")), "YBR_FULL").save_as(path)
    assert_same(rgb_from_file(path), page(), tolerance=2)


def test_12_bit_rgb(path: Path) -> None:
    image_dataset(page().astype(np.uint16) * 16, "RGB", bits=12).save_as(path)
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
@pytest.mark.parametrize("interpretation", ["MONOCHROME1", "MONOCHROME2"])
def test_grey_with_window_and_rescale(
    path: Path, stored: NDArray[np.generic], bits: int, elements: dict[str, object], interpretation: str
) -> None:
    image_dataset(stored, interpretation, bits, **elements).save_as(path)
    assert_same(rgb_from_file(path), 255 - GREY if interpretation == "MONOCHROME1" else GREY, tolerance=1)


@pytest.mark.parametrize("depth", [8, 16])
def test_palette_colours(path: Path, depth: int) -> None:
    indexed = Image.fromarray(page()).quantize(16)
    palette = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)
    tables = palette if depth == 8 else palette.astype(np.uint16) * 257
    made = image_dataset(np.asarray(indexed), "PALETTE COLOR")
    for number, name in enumerate(("Red", "Green", "Blue")):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [len(palette), 0, depth])
        setattr(made, f"{name}PaletteColorLookupTableData", tables[:, number].tobytes())
    made.save_as(path)
    assert_same(rgb_from_file(path), page())


@pytest.mark.parametrize("is_compressed", [False, True])
def test_frames_are_pages(path: Path, is_compressed: bool) -> None:
    frames = [page(), np.ascontiguousarray(page()[::-1]), 255 - page()]
    made = image_dataset(np.stack(frames), "RGB")
    if is_compressed:
        made.compress(RLELossless)
    made.save_as(path)
    found = pages_from_inputs([path])
    assert found == [PageRef(path, 0), PageRef(path, 1), PageRef(path, 2)]
    for ref, expected in zip(found, frames, strict=True):
        assert_same(rgb_from_page(ref), expected)
    with pytest.raises(UnreadableImage, match="3 pages, but page 4"):
        rgb_from_page(PageRef(path, 3))


def test_baseline_jpeg(path: Path) -> None:
    jpeg = image_bytes(Image.fromarray(page()), "JPEG", quality=95)
    made = image_dataset(page(), "YBR_FULL_422")
    with_compressed_frames(made, JPEGBaseline8Bit, jpeg).save_as(path)
    assert_same(rgb_from_file(path), page(), tolerance=3)
    grey = image_bytes(Image.fromarray(grey_page()), "JPEG", quality=95)
    with_compressed_frames(image_dataset(grey_page(), "MONOCHROME1"), JPEGBaseline8Bit, grey).save_as(path)
    assert_same(rgb_from_file(path), 255 - GREY, tolerance=3)


def test_jpeg_2000(path: Path) -> None:
    data = image_bytes(Image.fromarray(page()), "JPEG2000", no_jp2=True, mct=0)
    with_compressed_frames(image_dataset(page(), "RGB"), JPEG2000Lossless, data).save_as(path)
    assert_same(rgb_from_file(path), page())


def lossless_jpeg(stored: NDArray[np.uint8]) -> bytes:
    """Encode lossless JPEG (ITU-T T.81, annex H) with first-order prediction and 4-bit length codes."""
    channels = np.atleast_3d(stored).astype(int)
    height, width, count = channels.shape
    left = np.roll(channels, 1, axis=1)
    left[1:, 0] = channels[:-1, 0]
    left[0, 0] = 128
    bits = "".join(
        _difference_bits(difference) for difference in ((channels - left + 128) % 256 - 128).ravel().tolist()
    )
    packed = int(bits + "1" * (-len(bits) % 8), 2).to_bytes((len(bits) + 7) // 8, "big")
    parts = [(number + 1, 0x11, 0) for number in range(count)]
    frame = struct.pack(">BHHB", 8, height, width, count) + b"".join(bytes(part) for part in parts)
    table = bytes([0, 0, 0, 0, 9, *[0] * 12, *range(9)])
    start = bytes([count, *(x for number in range(count) for x in (number + 1, 0)), 1, 0, 0])
    segments = ((0xC3, frame), (0xC4, table), (0xDA, start))
    head = b"".join(struct.pack(">BBH", 0xFF, mark, len(body) + 2) + body for mark, body in segments)
    return b"\xff\xd8" + head + packed.replace(b"\xff", b"\xff\0") + b"\xff\xd9"


def _difference_bits(difference: int) -> str:
    length = abs(difference).bit_length()
    value = difference if difference >= 0 else difference + 2**length - 1
    return f"{length:04b}" + (f"{value:0{length}b}" if length else "")


@pytest.mark.parametrize("interpretation", ["RGB", "MONOCHROME2"])
def test_lossless_jpeg_needs_no_further_package(path: Path, interpretation: str) -> None:
    frames = [page(), page()[::-1]] if interpretation == "RGB" else [grey_page(), grey_page()[::-1]]
    made = with_compressed_frames(
        image_dataset(np.stack(frames), interpretation), JPEGLosslessSV1, *map(lossless_jpeg, frames)
    )
    made.save_as(path)
    for number, frame in enumerate(frames):
        expected = frame if frame.ndim == 3 else np.dstack([frame] * 3)
        assert_same(rgb_from_page(PageRef(path, number)), np.ascontiguousarray(expected))


@pytest.mark.parametrize(("syntax", "name"), [(JPEGLSLossless, "JPEG-LS"), (MPEG2MPML, "MPEG2")])
def test_unsupported_compression_raises(path: Path, syntax: str, name: str) -> None:
    with_compressed_frames(image_dataset(page(), "RGB"), syntax, b"\0" * 100).save_as(path)
    with pytest.raises(UnsupportedType, match=f"DICOM file with {name}") as caught:
        rgb_from_file(path)
    assert "dcmdjpeg" in caught.value.hint


@pytest.mark.parametrize("is_implicit", [True, False])
def test_file_without_preamble(path: Path, is_implicit: bool) -> None:
    made = Dataset()
    made.update(image_dataset(page(), "RGB"))
    made.save_as(path, implicit_vr=is_implicit, little_endian=True)
    assert path.read_bytes()[:2] == b"\x08\0"
    assert_same(rgb_from_file(path), page())


def test_encapsulated_pdf(path: Path) -> None:
    pages = [Image.fromarray(page()), Image.fromarray(255 - page())]
    document = image_bytes(
        pages[0], "PDF", save_all=True, append_images=pages[1:], resolution=100, quality=95
    )
    made = dataset(EncapsulatedPDFStorage, MIMETypeOfEncapsulatedDocument="application/pdf")
    made.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    made.save_as(path)
    found = pages_from_inputs([path])
    assert found == [PageRef(path, 0), PageRef(path, 1)]
    assert_same(rgb_from_page(found[1]), 255 - page(), tolerance=4)


def test_waveform_raises_unsupported_type(path: Path) -> None:
    made = dataset(TwelveLeadECGWaveformStorage)
    made.WaveformSequence = [Dataset()]
    made.save_as(path)
    assert pages_from_inputs([path.parent]) == [PageRef(path)]
    with pytest.raises(UnsupportedType, match=r"waveform .12-lead ECG") as caught:
        rgb_from_file(path)
    assert "signals themselves" in caught.value.hint


def test_report_raises_unsupported_type(path: Path) -> None:
    dataset("1.2.840.10008.5.1.4.1.1.88.11").save_as(path)
    with pytest.raises(UnsupportedType, match=r"without an image .Basic Text SR"):
        rgb_from_file(path)


def test_size_limits_apply_before_decoding(path: Path) -> None:
    made = image_dataset(page(), "RGB")
    made.Rows = made.Columns = 60_000
    made.save_as(path)
    with pytest.raises(ImageSizeOutOfRange, match="megapixels"):
        rgb_from_file(path)


@pytest.mark.parametrize("kind", ["uncompressed", "no meta", "rle", "rle rgb"])
@pytest.mark.parametrize("keyword", ["Rows", "Columns"])
def test_declared_size_smaller_than_the_data_raises(path: Path, kind: str, keyword: str) -> None:
    """With half the rows, only the upper half of the page would be digitized."""
    stored = np.random.default_rng(0).integers(0, 255, (400, 600, 3), dtype=np.uint8)
    file = (
        image_dataset(stored, "RGB") if kind.endswith("rgb") else image_dataset(stored[..., 0], "MONOCHROME2")
    )
    if kind.startswith("rle"):
        file.compress(RLELossless)

    def save() -> None:
        if kind == "no meta":
            dcmwrite(path, Dataset(file), implicit_vr=True, little_endian=True, enforce_file_format=False)
        else:
            file.save_as(path, enforce_file_format=True)

    save()
    assert rgb_from_file(path).shape == (400, 600, 3)
    file[keyword].value //= 2
    save()
    with pytest.raises(UnreadableImage, match="its header declares"):
        rgb_from_file(path)


def test_padding_of_pixel_data_is_accepted(path: Path) -> None:
    file = image_dataset(np.full((401, 601), 200, np.uint8), "MONOCHROME2")
    file.PixelData += bytes(513)
    file.save_as(path, enforce_file_format=True)
    assert rgb_from_file(path).shape == (401, 601, 3)


def test_impossible_frame_count_is_one_failing_page(path: Path) -> None:
    image_dataset(page(), "RGB", NumberOfFrames=2_000_000_000).save_as(path)
    assert pages_from_inputs([path]) == [PageRef(path)]
    with pytest.raises(UnreadableImage, match="more than 10000 pages"):
        rgb_from_file(path)


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_zero_slope_and_non_numeric_frame_count_raise(path: Path) -> None:
    made = image_dataset(grey_page(), "MONOCHROME2", RescaleSlope="0", RescaleIntercept="0")
    made.save_as(path)
    with pytest.raises(UnreadableImage, match="damaged"):
        rgb_from_file(path)
    text = path.read_bytes()
    made = image_dataset(grey_page(), "MONOCHROME2", NumberOfFrames=11)
    made.save_as(path)
    data = path.read_bytes()
    assert data != text
    path.write_bytes(data.replace(b"IS\x02\x0011", b"IS\x02\x00xx"))
    assert pages_from_inputs([path]) == [PageRef(path)]
    with pytest.raises(UnreadableImage):
        rgb_from_file(path)


@pytest.mark.parametrize("share", [0.001, 0.0025, 0.3, 0.9])
def test_truncated_file_raises(path: Path, share: float) -> None:
    image_dataset(page(), "RGB").save_as(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert len(pages_from_inputs([path])) == 1
    with pytest.raises(UnreadableImage, match="DICOM"):
        rgb_from_file(path)


@pytest.mark.parametrize(
    "keyword", ["BitsStored", "PhotometricInterpretation", "SamplesPerPixel", "PixelData"]
)
def test_missing_element_raises(path: Path, keyword: str) -> None:
    made = image_dataset(grey_page(), "MONOCHROME2")
    delattr(made, keyword)
    made.save_as(path)
    with pytest.raises(EcgDigitError, match="DICOM pixel data are damaged"):
        rgb_from_file(path)


def test_only_the_requested_frame_is_decoded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_dataset(np.stack([page()] * 50), "RGB").save_as(path)
    assert "PixelData" not in dcmread(path, stop_before_pixels=True)
    from ecgdigit_rt.decode import dicom_pixels

    monkeypatch.setattr(dicom_pixels, "_dataset_with_syntax", None)
    monkeypatch.setattr(dicom_pixels, "_compressed_frame", None)
    assert_same(rgb_from_page(PageRef(path, 49)), page())


def test_missing_extra_raises_dependency_missing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_dataset(page(), "RGB").save_as(path)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    assert pages_from_inputs([path.parent]) == [PageRef(path)]
    with pytest.raises(DependencyMissing, match="DICOM file needs pydicom") as caught:
        rgb_from_file(path)
    assert "ecgdigit-rt[dicom]" in caught.value.hint

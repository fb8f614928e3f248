"""Decoding of HEIC photos."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image
from sample_image import UPRIGHT, assert_same, exif, page

from ecgdigit_rt.decode.file_formats import rgb_from_file, rgb_from_page
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.errors import DependencyMissing, ImageSizeOutOfRange, UnreadableImage
from ecgdigit_rt.results import PageRef


def heic(pixels: NDArray[np.generic], mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    size = (pixels.shape[1], pixels.shape[0])
    pillow_heif.from_bytes(mode, size, pixels.tobytes()).save(out, quality=-1, **options)
    return out.getvalue()


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_orientation_is_applied_once(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "IMG_0001.HEIC"
    path.write_bytes(heic(page(), exif=exif(orientation).tobytes()))
    assert_same(rgb_from_file(path), UPRIGHT[orientation](page()), tolerance=3)


def test_10_bits_are_reduced_to_8(tmp_path: Path) -> None:
    path = tmp_path / "deep.heic"
    path.write_bytes(heic(page().astype(np.uint16) * 257, "RGB;16"))
    assert_same(rgb_from_file(path), page(), tolerance=3)


def test_alpha_and_odd_width(tmp_path: Path) -> None:
    pixels = np.dstack([page(), np.where(page()[..., 0] == 90, 0, 255).astype(np.uint8)])[:, :-3]
    path = tmp_path / "cut.heic"
    path.write_bytes(heic(pixels, "RGBA"))
    assert_same(
        rgb_from_file(path), np.where(page() == 90, 255, page())[:, :-3].astype(np.uint8), tolerance=3
    )


def test_primary_image_of_a_burst(tmp_path: Path) -> None:
    burst = pillow_heif.from_pillow(Image.fromarray(255 - page()))
    burst.add_from_pillow(Image.fromarray(page()))
    path = tmp_path / "burst.heic"
    burst.save(path, quality=-1, primary_index=1)
    assert pages_from_inputs([path]) == [PageRef(path)]
    assert_same(rgb_from_page(PageRef(path)), page(), tolerance=3)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.95])
def test_truncated_file_raises(tmp_path: Path, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 255, page().shape, np.uint8)
    data = heic(noise)
    path = tmp_path / "cut.heic"
    path.write_bytes(data[: max(int(share * len(data)), 30)])
    with pytest.raises(UnreadableImage, match="HEIC data"):
        rgb_from_file(path)


def test_size_limits_apply_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "small.heic"
    path.write_bytes(heic(np.ascontiguousarray(page()[:100])))
    with pytest.raises(ImageSizeOutOfRange, match="320 x 100"):
        rgb_from_file(path)


def test_missing_extra_raises_dependency_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.heic"
    path.write_bytes(heic(page()))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert pages_from_inputs([tmp_path]) == [PageRef(path)]
    with pytest.raises(DependencyMissing, match="HEIC photo needs pillow-heif") as caught:
        rgb_from_file(path)
    assert "ecgdigit-rt[heic]" in caught.value.hint

"""HEIC photos as phones take them."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image
from sample_picture import UPRIGHT, assert_same, exif, page

from ecgdigit_rt.decode.decode_page import rgb_from_file, rgb_from_page
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.errors import DependencyMissing, ImageSizeOutOfRange, UnreadableImage
from ecgdigit_rt.results import PageRef


def heic(picture: NDArray[np.generic], mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    size = (picture.shape[1], picture.shape[0])
    pillow_heif.from_bytes(mode, size, picture.tobytes()).save(out, quality=-1, **options)
    return out.getvalue()


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_photo_is_upright_once(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "IMG_0001.HEIC"
    path.write_bytes(heic(page(), exif=exif(orientation).tobytes()))
    assert_same(rgb_from_file(path), UPRIGHT[orientation](page()), tolerance=3)


def test_ten_bits(tmp_path: Path) -> None:
    path = tmp_path / "deep.heic"
    path.write_bytes(heic(page().astype(np.uint16) * 257, "RGB;16"))
    assert_same(rgb_from_file(path), page(), tolerance=3)


def test_transparency_and_an_odd_width(tmp_path: Path) -> None:
    picture = np.dstack([page(), np.where(page()[..., 0] == 90, 0, 255).astype(np.uint8)])[:, :-3]
    path = tmp_path / "cut.heic"
    path.write_bytes(heic(picture, "RGBA"))
    assert_same(
        rgb_from_file(path), np.where(page() == 90, 255, page())[:, :-3].astype(np.uint8), tolerance=3
    )


def test_of_several_pictures_the_primary_one(tmp_path: Path) -> None:
    several = pillow_heif.from_pillow(Image.fromarray(255 - page()))
    several.add_from_pillow(Image.fromarray(page()))
    path = tmp_path / "burst.heic"
    several.save(path, quality=-1, primary_index=1)
    assert pages_from_inputs([path]) == [PageRef(path)]
    assert_same(rgb_from_page(PageRef(path)), page(), tolerance=3)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.95])
def test_cut_short(tmp_path: Path, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 255, page().shape, np.uint8)
    whole = heic(noise)
    path = tmp_path / "cut.heic"
    path.write_bytes(whole[: max(int(share * len(whole)), 30)])
    with pytest.raises(UnreadableImage, match="HEIC data"):
        rgb_from_file(path)


def test_size_is_bounded_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "small.heic"
    path.write_bytes(heic(np.ascontiguousarray(page()[:100])))
    with pytest.raises(ImageSizeOutOfRange, match="320 x 100"):
        rgb_from_file(path)


def test_without_the_extra_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.heic"
    path.write_bytes(heic(page()))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert pages_from_inputs([tmp_path]) == [PageRef(path)]
    with pytest.raises(DependencyMissing, match="HEIC photo needs pillow-heif") as caught:
        rgb_from_file(path)
    assert "ecgdigit-rt[heic]" in caught.value.hint

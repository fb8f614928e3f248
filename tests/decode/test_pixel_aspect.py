"""Files that declare different densities across and down: their pixels are resampled to be square."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin
from sample_image import save_image

from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.decode.pixels import rgb_from_array
from ecgdigit_rt.results import PageRef

HEIGHT, WIDTH = 196, 408  # 2 inches x 2 inches at FAX_DPI
FAX_DPI = (204, 98)


def fax() -> NDArray[np.uint8]:
    """Return a white page with a black square of one inch in the middle, in the pixels of a fax."""
    pixels = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    pixels[49:147, 102:306] = 0
    return pixels


def square_of(image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return left, top, width and height of the dark square."""
    rows, columns = np.nonzero(image[..., 0] < 128)
    left, top = int(columns.min()), int(rows.min())
    return left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top


def decoded(path: Path, max_pixels: int = 10**8) -> NDArray[np.uint8]:
    return rgb_from_page(PageRef(path), max_pixels)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
@pytest.mark.parametrize(("dpi", "size"), [(FAX_DPI, (408, 408)), ((98, 204), (849, 196))])
def test_coarser_axis_is_enlarged(
    tmp_path: Path, suffix: str, dpi: tuple[int, int], size: tuple[int, int]
) -> None:
    path = save_image(tmp_path / f"page{suffix}", Image.fromarray(fax()), dpi=dpi)
    height, width, _ = decoded(path).shape
    assert (width, height) == pytest.approx(size, abs=2)  # PNG and BMP store integer pixels per metre


def test_positions_scale_with_the_page(tmp_path: Path) -> None:
    path = save_image(tmp_path / "fax.tif", Image.fromarray(fax()), dpi=FAX_DPI)
    assert square_of(decoded(path)) == pytest.approx((102, 102, 204, 204), abs=1)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
@pytest.mark.parametrize("dpi", [(200, 200), (204, 196), (600, 100)])
def test_square_and_implausible_pixels_are_kept(tmp_path: Path, suffix: str, dpi: tuple[int, int]) -> None:
    path = save_image(tmp_path / f"page{suffix}", Image.fromarray(fax()), dpi=dpi)
    assert decoded(path).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(("unit", "resolution"), [(1, (2.08, 1.0)), (2, FAX_DPI), (3, (80.3, 38.6))])
@pytest.mark.parametrize("options", [{}, {"big_tiff": True}])
def test_unit_of_a_tiff_does_not_matter(
    tmp_path: Path, unit: int, resolution: tuple[float, float], options: dict[str, Any]
) -> None:
    path = save_image(
        tmp_path / "fax.tif", Image.fromarray(fax()),
        resolution_unit=unit, x_resolution=resolution[0], y_resolution=resolution[1], **options,
    )  # fmt: skip
    assert decoded(path).shape[:2] == pytest.approx((408, WIDTH), abs=1)


def test_bilevel_fax(tmp_path: Path) -> None:
    image = Image.fromarray(fax()).convert("1")
    path = save_image(tmp_path / "fax.tif", image, dpi=FAX_DPI, compression="group4")
    assert square_of(decoded(path)) == pytest.approx((102, 102, 204, 204), abs=1)


def test_density_is_that_of_the_stored_pixels(tmp_path: Path) -> None:
    """The density is declared before the rotation by the orientation tag."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[274] = 6
    path = save_image(tmp_path / "fax.tif", Image.fromarray(fax()[:, :300]), dpi=FAX_DPI, tiffinfo=tags)
    assert decoded(path).shape == (300, 408, 3)


def test_each_page_of_a_tiff_has_its_density(tmp_path: Path) -> None:
    first, second = Image.fromarray(fax()), Image.fromarray(fax())
    second.encoderinfo = {"dpi": (200, 200)}
    path = save_image(tmp_path / "fax.tif", first, dpi=FAX_DPI, save_all=True, append_images=[second])
    heights = [rgb_from_page(PageRef(path, number)).shape[0] for number in range(2)]
    assert heights == [408, HEIGHT]


def test_result_obeys_the_maximum_size(tmp_path: Path) -> None:
    path = save_image(tmp_path / "fax.tif", Image.fromarray(fax()), dpi=FAX_DPI)
    height, width, _ = decoded(path, max_pixels=100_000).shape
    assert 99_000 < width * height <= 100_000
    assert width == pytest.approx(height, abs=1)


@pytest.mark.parametrize("denominator", [0, 1])
def test_invalid_densities_are_ignored(tmp_path: Path, denominator: int) -> None:
    path = save_image(tmp_path / "fax.tif", Image.fromarray(fax()), dpi=FAX_DPI)
    data = path.read_bytes()
    stored = struct.pack("<II", 98, 1)
    assert data.count(stored) == 1
    path.write_bytes(data.replace(stored, struct.pack("<II", 98 * denominator, 0)))
    assert decoded(path).shape == (HEIGHT, WIDTH, 3)


def test_resolution_beyond_the_end_of_the_file_is_ignored(tmp_path: Path) -> None:
    path = save_image(tmp_path / "fax.tif", Image.fromarray(fax()), dpi=FAX_DPI)
    data = bytearray(path.read_bytes())
    entry = data.find(struct.pack("<HHI", 283, 5, 1))
    struct.pack_into("<I", data, entry + 8, len(data) - 4)
    path.write_bytes(data)
    assert decoded(path).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(("across", "down"), [(0, 1), (2**31, 1)])
def test_png_with_invalid_density(tmp_path: Path, across: int, down: int) -> None:
    import zlib

    path = save_image(tmp_path / "page.png", Image.fromarray(fax()))
    data = path.read_bytes()
    chunk = b"pHYs" + struct.pack(">IIB", across, down, 0)
    block = struct.pack(">I", 9) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(data[:33] + block + data[33:])
    assert decoded(path).shape == (HEIGHT, WIDTH, 3)


def test_jpeg_aspect_ratio_without_unit(tmp_path: Path) -> None:
    path = save_image(tmp_path / "page.jpg", Image.fromarray(fax()), quality=95)
    data = bytearray(path.read_bytes())
    start = data.find(b"JFIF\0") + 7
    struct.pack_into(">BHH", data, start, 0, 2, 1)
    path.write_bytes(data)
    assert decoded(path).shape == (2 * HEIGHT, WIDTH, 3)


def test_arrays_are_unchanged() -> None:
    assert rgb_from_array(fax()) is not None
    assert rgb_from_array(fax()).shape == (HEIGHT, WIDTH, 3)

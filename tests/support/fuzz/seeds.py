"""Seeds of the fuzzers: small valid files of all formats."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from pdf_files import pdf, scan, text_at
from PIL import Image
from sample_image import GREY, exif, image_bytes, page
from tiff_files import oriented_tiff

IMAGE = Image.fromarray(page())


def _images(kind: str, *options: Mapping[str, object]) -> list[bytes]:
    return [image_bytes(IMAGE, kind, **option) for option in options or ({},)]


def _png() -> list[bytes]:
    frames = [IMAGE.rotate(90 * k) for k in range(1, 3)]
    modes = [image_bytes(IMAGE.convert(mode), "PNG") for mode in ("1", "L", "P", "LA", "RGBA", "I;16")]
    return [*_images("PNG", {}, {"exif": exif(6)}, {"save_all": True, "append_images": frames}), *modes]


def _jpeg() -> list[bytes]:
    grey = image_bytes(IMAGE.convert("L"), "JPEG")
    cmyk = image_bytes(IMAGE.convert("CMYK"), "JPEG")
    return [*_images("JPEG", {}, {"progressive": True}, {"exif": exif(6)}), grey, cmyk]


def _gif() -> list[bytes]:
    return _images("GIF", {}, {"save_all": True, "append_images": [IMAGE.rotate(90)]})


def _webp() -> list[bytes]:
    animated = {"save_all": True, "append_images": [IMAGE.rotate(90)]}
    return _images("WEBP", {}, {"lossless": True}, {"exif": exif(6)}, animated)


def _tiff() -> list[bytes]:
    packings = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    two = {"save_all": True, "append_images": [IMAGE.rotate(90)]}
    fax = image_bytes(IMAGE.convert("1"), "TIFF", compression="group4")
    deep = image_bytes(IMAGE.convert("I;16"), "TIFF")
    return [*_images("TIFF", *({"compression": name} for name in packings), two), fax, deep, oriented_tiff(6)]


def _bmp() -> list[bytes]:
    return [image_bytes(IMAGE.convert(mode), "BMP") for mode in ("1", "L", "P", "RGB")]


def _heic() -> list[bytes]:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return _images("HEIF")


def _dicom() -> list[bytes]:
    from dicom_files import image_dataset
    from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

    datasets = [image_dataset(page(), "RGB"), image_dataset(GREY[..., 0], "MONOCHROME2", NumberOfFrames=1)]
    compressed = image_dataset(page(), "RGB")
    compressed.compress(RLELossless)
    deflated = image_dataset(page(), "RGB")
    deflated.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    out = []
    for dataset in (*datasets, compressed, deflated):
        file = io.BytesIO()
        dataset.save_as(file, enforce_file_format=True)
        out.append(file.getvalue())
    return out


def _pdf() -> list[bytes]:
    text = text_at(50, 400, "25 mm/s 10 mm/mV") + text_at(200, 300, "aVR", angle_deg=90)
    drawing = pdf(b"1 0 0 RG 3 w 10 10 m 500 700 l S", text, size=(595, 842))
    wave = b" ".join(b"%d %.1f l" % (40 + x, 400 + 30 * np.sin(x / 9)) for x in range(400))
    curve = pdf(b"0.5 w 40 400 m " + wave + b" S", text, size=(595, 842))
    return [curve, drawing, scan(150), image_bytes(IMAGE, "PDF"), image_bytes(IMAGE.convert("1"), "PDF")]


def _drawing() -> list[bytes]:
    """Return two rows with a pulse, a grid and names, and curves that go back, jump and repeat points."""
    pause = [(np.nan, np.nan)]
    wave = [(20 + x / 4, 60 + 5 * np.sin(x / 9) - 20 * (x % 60 == 0)) for x in range(400)]
    pulse = [(8, 60), (9, 60), (9, 50), (14, 50), (14, 60), (16, 60)]
    second = [(x, y + 40) for x, y in wave]
    grid = [point for x in range(10, 150, 5) for point in (*pause, (x, 20), (x, 120))]
    rows = [point for y in range(20, 125, 5) for point in (*pause, (10, y), (145, y))]
    names = [*pause, (21, 54), *pause, (21, 94)]
    page = [*names, *pause, *pulse, *pause, *wave, *pause, *second, *grid, *rows]
    odd = [*wave[::-1], *pause, *wave, *wave[5:20], *pause, (5, 5), (5, 5), *pause, *second[::50]]
    return [np.array(points, "<f2").tobytes() for points in (page, odd, wave)]


def _test_csv() -> list[bytes]:
    text = 'id,lead,fs,number_of_rows\n7,II,500,5000\n"a,b",V1,250.0,625\n'
    return [text.encode(), ("\ufeff" + text.replace("\n", "\r\n")).encode()]


def _submission() -> list[bytes]:
    rows = "".join(f"7_{row}_II,{value:.5f}\n" for row, value in enumerate(np.linspace(-1, 1, 9)))
    return [f'id,value\n{rows}"a,b_0_V1",0.5\n"a\n""b_0_I",-0.5\n'.encode()]


SEEDS: dict[str, Callable[[], Sequence[bytes]]] = {
    "png": _png,
    "jpeg": _jpeg,
    "gif": _gif,
    "webp": _webp,
    "bmp": _bmp,
    "avif": lambda: _images("AVIF"),
    "heic": _heic,
    "tiff": _tiff,
    "dicom": _dicom,
    "pdf": _pdf,
    "test-csv": _test_csv,
    "drawing": _drawing,
    "submission": _submission,
}

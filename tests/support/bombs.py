"""Decompression bombs: small, deterministic files that declare, or decode to, very large images."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

from dicom_files import image_dataset, with_compressed_frames
from pdf_files import pdf
from PIL import Image
from sample_image import GREY, grey_page, image_bytes, page

SIDE = 60_000
_BLANK = Image.new("L", (300, 300), 200)


def png_from_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of these chunks, which are pairs (type, body)."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def png(width: int, height: int, rows: int = 0) -> bytes:
    """Return a grey PNG that declares this size and contains `rows` rows."""
    return png_from_chunks(
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress((b"\0" + b"\xc8" * width) * rows)),
        (b"IEND", b""),
    )


def deep_png(side: int, depth: int, color_type: int) -> bytes:
    """Return a valid PNG of `side` x `side` nearly white pixels.

    `depth` is the number of bits per channel. `color_type` is that of PNG: 0 is gray, 2 RGB and 6 RGBA.
    """
    channels = {0: 1, 2: 3, 6: 4}[color_type]
    row = b"\0" + b"\xff\xee" * (side * channels * depth // 16)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, depth, color_type, 0, 0, 0)
    return png_from_chunks((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))


def content_pdf(operators: bytes, megabytes: int) -> bytes:
    """Return a PDF whose page repeats `operators` up to this size. It is a thousand times smaller."""
    content = zlib.compress(operators * (megabytes * 1_000_000 // len(operators)), 9)
    return pdf(content, stream_keys=b"/Filter/FlateDecode")


def tiff(tags: Sequence[tuple[int, int, int]], body: bytes = b"", order: str = "<") -> bytes:
    """Return a TIFF with these tags, which are triples (tag, type, value).

    `body` contains the pixels and starts at byte 8.
    """
    entries = b"".join(struct.pack(f"{order}HHII", tag, kind, 1, value) for tag, kind, value in tags)
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(body))
    return head + body + struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", 0)


def grey_tiff(*sizes: tuple[int, int, int], tile: int = 0) -> bytes:
    """Return a deflated grey TIFF of 300 x 300 px.

    `sizes` are the tags (tag, type, value) of width and height, which may be repeated.
    """
    body = zlib.compress(bytes(300 * 300))
    rest = [(258, 3, 8), (259, 3, 8), (262, 3, 1)]
    if tile:
        location = [(277, 3, 1), (322, 4, tile), (323, 4, tile), (324, 4, 8), (325, 4, len(body))]
    else:
        location = [(273, 4, 8), (277, 3, 1), (278, 4, 300), (279, 4, len(body))]
    return tiff([*sizes, *rest, *location], body)


def gif() -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", SIDE, SIDE, 0, 0, 0) + b";"


def bmp() -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHH", 54, 0, 0, 54, 40, SIDE, -SIDE, 1, 24) + bytes(24)


def jpeg() -> bytes:
    data = bytearray(image_bytes(_BLANK, "JPEG"))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, SIDE, SIDE)
    return bytes(data)


def jpeg_with_side(side: int) -> bytes:
    """Return a valid grey JPEG of `side` x `side` px."""
    return image_bytes(Image.new("L", (side, side), 200), "JPEG")


def jpeg_with_scans(scans: int) -> bytes:
    """Return a progressive JPEG whose last scan is repeated. Each scan is decoded over the whole image."""
    data = image_bytes(_BLANK, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def webp() -> bytes:
    extent = (SIDE - 1).to_bytes(3, "little") * 2
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4) + extent
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def with_declared_size(data: bytes, width: int, height: int) -> bytes:
    """Return an AVIF or HEIC with another declared size."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def avif() -> bytes:
    return with_declared_size(image_bytes(_BLANK, "AVIF"), SIDE, SIDE)


def heic() -> bytes:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return with_declared_size(image_bytes(_BLANK, "HEIF"), SIDE, SIDE)


def pdf_with_image(width: int, height: int, data: bytes, decoder: bytes, repeats: int = 1) -> bytes:
    """Return a PDF with one page, which is a grey image that is drawn `repeats` times."""
    head = (
        b"<</Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/%s/Length %d>>"
    )
    return pdf(
        b"q 595 0 0 842 0 0 cm /Im Do Q " * repeats,
        more=head % (width, height, decoder, len(data)) + b"stream\n" + data + b"\nendstream",
    )


def endless_pdf() -> bytes:
    """Return a PDF that takes little memory and hours: it draws one image a hundred thousand times."""
    return pdf_with_image(2000, 2000, zlib.compress(bytes(2000 * 2000)), b"FlateDecode", repeats=100_000)


def jpeg2000() -> bytes:
    data = bytearray(image_bytes(_BLANK, "JPEG2000", irreversible=False))
    struct.pack_into(">II", data, data.index(b"\xff\x4f\xff\x51") + 8, SIDE, SIDE)
    return bytes(data)


def jpx_pdf() -> bytes:
    """Return a PDF that declares 300 x 300 px for larger JPEG 2000 data."""
    return pdf_with_image(300, 300, jpeg2000(), b"JPXDecode")


def flate_pdf() -> bytes:
    return pdf_with_image(SIDE, SIDE, zlib.compress(bytes(1000)), b"FlateDecode")


def dicom(rows: int = SIDE) -> bytes:
    result = image_dataset(grey_page(), "MONOCHROME2")
    result.Rows = result.Columns = rows
    return _saved(result)


def dicom_with_frame(data: bytes, syntax: str) -> bytes:
    """Return a DICOM file with the header of `grey_page` and a compressed frame, valid or not."""
    return _saved(with_compressed_frames(image_dataset(GREY[..., 0], "MONOCHROME2"), syntax, data))


def deflated_dicom(megabytes: int) -> bytes:
    """Return a deflated DICOM file with `megabytes` MiB of zeros before the image."""
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    result = image_dataset(page(), "RGB")
    result.add_new(0x00090010, "LO", "zeros")
    result.add_new(0x00091001, "OB", b"")
    result.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data = _saved(result)
    start = 144 + struct.unpack_from("<I", data, 140)[0]  # past the group length
    plain = zlib.decompress(data[start:], -zlib.MAX_WBITS)
    at = plain.index(b"\x09\0\x01\x10OB\0\0") + 8
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    out = [data[:start], packer.compress(plain[:at] + struct.pack("<I", megabytes << 20))]
    out += [packer.flush(zlib.Z_FULL_FLUSH)]
    out += [
        packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    ] * megabytes  # blocks that are independent of each other
    out += [packer.compress(plain[at + 4 :]), packer.flush()]
    return b"".join(out)


def _saved(result: object) -> bytes:
    file = io.BytesIO()
    result.save_as(file, enforce_file_format=True)  # type: ignore[attr-defined]
    return file.getvalue()

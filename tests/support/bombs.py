"""Files of a few bytes that say, or unfold into, very many. Deterministic, made in memory."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

from dicom_files import GREY, compressed, picture
from pdf_files import pdf
from PIL import Image
from sample_picture import data_of, grey_page, page

SIDE = 60_000
_BLANK = Image.new("L", (300, 300), 200)


def png(width: int, height: int, rows: int = 0) -> bytes:
    """A grey PNG that says this size, with so many rows in it."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress((b"\0" + b"\xc8" * width) * rows)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def tiff(tags: Sequence[tuple[int, int, int]], body: bytes = b"", order: str = "<") -> bytes:
    """(tag, type, value) each; the pixels, `body`, begin at byte 8."""
    entries = b"".join(struct.pack(f"{order}HHII", tag, kind, 1, value) for tag, kind, value in tags)
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(body))
    return head + body + struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", 0)


def grey_tiff(*sizes: tuple[int, int, int], tile: int = 0) -> bytes:
    """300 × 300 grey, deflated. sizes: (tag, type, value) of width and height, as often as given."""
    body = zlib.compress(bytes(300 * 300))
    rest = [(258, 3, 8), (259, 3, 8), (262, 3, 1)]
    if tile:
        places = [(277, 3, 1), (322, 4, tile), (323, 4, tile), (324, 4, 8), (325, 4, len(body))]
    else:
        places = [(273, 4, 8), (277, 3, 1), (278, 4, 300), (279, 4, len(body))]
    return tiff([*sizes, *rest, *places], body)


def gif() -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", SIDE, SIDE, 0, 0, 0) + b";"


def bmp() -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHH", 54, 0, 0, 54, 40, SIDE, -SIDE, 1, 24) + bytes(24)


def jpeg() -> bytes:
    data = bytearray(data_of(_BLANK, "JPEG"))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, SIDE, SIDE)
    return bytes(data)


def jpeg_of(side: int) -> bytes:
    """One that is what it says."""
    return data_of(Image.new("L", (side, side), 200), "JPEG")


def jpeg_of_scans(scans: int) -> bytes:
    """A progressive JPEG whose last scan stands so many times: each goes over the whole picture."""
    data = data_of(_BLANK, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def webp() -> bytes:
    extent = (SIDE - 1).to_bytes(3, "little") * 2
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4) + extent
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def resized(data: bytes, width: int, height: int) -> bytes:
    """An AVIF or a HEIC that says another size."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def avif() -> bytes:
    return resized(data_of(_BLANK, "AVIF"), SIDE, SIDE)


def heic() -> bytes:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return resized(data_of(_BLANK, "HEIF"), SIDE, SIDE)


def pdf_picture(width: int, height: int, data: bytes, decoder: bytes) -> bytes:
    """A PDF whose page is one grey picture."""
    head = (
        b"<</Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/%s/Length %d>>"
    )
    return pdf(
        b"q 595 0 0 842 0 0 cm /Im Do Q",
        more=head % (width, height, decoder, len(data)) + b"stream\n" + data + b"\nendstream",
    )


def jpeg2000() -> bytes:
    data = bytearray(data_of(_BLANK, "JPEG2000", irreversible=False))
    struct.pack_into(">II", data, data.index(b"\xff\x4f\xff\x51") + 8, SIDE, SIDE)
    return bytes(data)


def jpx_pdf() -> bytes:
    """The PDF says 300 × 300, the JPEG 2000 data in it say more."""
    return pdf_picture(300, 300, jpeg2000(), b"JPXDecode")


def flate_pdf() -> bytes:
    return pdf_picture(SIDE, SIDE, zlib.compress(bytes(1000)), b"FlateDecode")


def dicom(rows: int = SIDE) -> bytes:
    made = picture(grey_page(), "MONOCHROME2")
    made.Rows = made.Columns = rows
    return _saved(made)


def dicom_of_frame(data: bytes, syntax: str) -> bytes:
    """The header says that it is `grey_page`, the compressed frame what it likes."""
    return _saved(compressed(picture(GREY[..., 0], "MONOCHROME2"), syntax, data))


def deflated_dicom(megabytes: int) -> bytes:
    """So many zeros before the picture, deflated a thousandfold."""
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    made = picture(page(), "RGB")
    made.add_new(0x00090010, "LO", "zeros")
    made.add_new(0x00091001, "OB", b"")
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data = _saved(made)
    start = 144 + struct.unpack_from("<I", data, 140)[0]  # past the group length
    plain = zlib.decompress(data[start:], -zlib.MAX_WBITS)
    at = plain.index(b"\x09\0\x01\x10OB\0\0") + 8
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    out = [data[:start], packer.compress(plain[:at] + struct.pack("<I", megabytes << 20))]
    out += [packer.flush(zlib.Z_FULL_FLUSH)]
    out += [
        packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    ] * megabytes  # each stands alone
    out += [packer.compress(plain[at + 4 :]), packer.flush()]
    return b"".join(out)


def _saved(made: object) -> bytes:
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)  # type: ignore[attr-defined]
    return file.getvalue()

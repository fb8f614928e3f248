"""PDF files from raw content streams and embedded scans."""

from __future__ import annotations

import math

import numpy as np
from sample_image import HEIGHT, WIDTH

A4 = (595, 842)  # width and height in points

_HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"

NOISE = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)


def pdf(
    *contents: bytes,
    size: tuple[float, float] = A4,
    page_keys: bytes = b"",
    more: bytes = b"",
    stream_keys: bytes = b"",
) -> bytes:
    """Return a PDF with one page per content stream.

    `more` is the body of object 3. If it is an encryption dictionary, the trailer refers to it. `stream_keys`
    are further keys of the content streams.
    """
    pages = [4 + 2 * i for i in range(len(contents))]
    kids = b" ".join(b"%d 0 R" % number for number in pages)
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Count %d/Kids[%s]/MediaBox[0 0 %f %f]>>" % (len(pages), kids, *size),
        3: more or b"null",
    }
    for number, content in zip(pages, contents, strict=True):
        resources = b"/Resources<</XObject<</Im 3 0 R>>/Font<</F %s>>>>" % _HELVETICA
        objects[number] = b"<</Type/Page/Parent 2 0 R/Contents %d 0 R%s%s>>" % (
            number + 1,
            resources,
            page_keys,
        )
        objects[number + 1] = b"<</Length %d%s>>stream\n%s\nendstream" % (len(content), stream_keys, content)
    out, offsets = b"%PDF-1.7\n", []
    for number, body in sorted(objects.items()):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % at for at in offsets)
    encrypt = b"/Encrypt 3 0 R/ID[<00><00>]" if b"/Filter/" in more and b"/Standard" in more else b""
    tail = b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        encrypt,
        len(out),
    )
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + tail


def text_at(x: float, y: float, text: str, size: float = 24, angle_deg: float = 0) -> bytes:
    """Return a content stream that prints text in Helvetica from this point on.

    Coordinates are in points from the bottom left. `angle_deg` is the counter-clockwise rotation of the line.
    """
    cosine, sine = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    matrix = b"%f %f %f %f %f %f Tm" % (cosine, sine, -sine, cosine, x, y)
    return b"BT /F %f Tf %s (%s) Tj ET " % (size, matrix, text.encode("latin-1"))


def image_object(width: int, height: int, body: bytes, keys: bytes = b"/ColorSpace/DeviceRGB") -> bytes:
    """Return an image XObject."""
    head = b"<</Subtype/Image/Width %d/Height %d/BitsPerComponent 8%s/Length %d>>"
    return head % (width, height, keys, len(body)) + b"stream\n%s\nendstream" % body


def encryption(method: bytes = b"/V 1/R 2") -> bytes:
    """Return an encryption dictionary, for a PDF that requires a password."""
    key = b"<" + b"41" * 32 + b">"
    return b"<</Filter/Standard" + method + b"/O" + key + b"/U" + key + b"/P -4>>"


def scan(dpi: float, content: bytes = b"", **options: object) -> bytes:
    """Return a PDF with one page, the image NOISE at this resolution."""
    size = WIDTH * 72 / dpi, HEIGHT * 72 / dpi
    drawing = b"q %f 0 0 %f 0 0 cm /Im Do Q " % size
    return pdf(drawing + content, size=size, more=image_object(WIDTH, HEIGHT, NOISE.tobytes()), **options)  # type: ignore[arg-type]

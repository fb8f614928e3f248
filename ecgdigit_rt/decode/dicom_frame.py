"""One frame of a DICOM file, decompressed, as its samples are stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.dicom_limits import check_codestream
from ecgdigit_rt.decode.opencv import decoded
from ecgdigit_rt.errors import UnsupportedType

if TYPE_CHECKING:
    from pydicom import Dataset

Samples = NDArray[np.generic]


def stored_frame(path: Path, header: Dataset, frame: int) -> Samples:
    """(height, width) or (height, width, 3), colours as RGB whatever YBR they were stored as.

    Raises UnsupportedType where nothing that is installed decompresses it, and what pydicom raises for
    damaged data.
    """
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.utils import pixel_array
    from pydicom.uid import JPEGLossless, JPEGLosslessSV1

    syntax = getattr(header, "file_meta", {}).get("TransferSyntaxUID")
    if syntax is None:  # no preamble, and so nothing that could be compressed
        return pixel_array(_whole(path), index=frame)
    compressed = _compressed(path, header, frame) if syntax.is_encapsulated else b""
    check_codestream(path, header, compressed)
    try:
        is_ready = get_decoder(syntax).is_available
    except NotImplementedError:
        is_ready = False
    if is_ready:
        return pixel_array(path, index=frame)
    if syntax in (JPEGLossless, JPEGLosslessSV1) and int(header.BitsAllocated) == 8:
        return decoded(path, compressed, "lossless JPEG")
    fix = (
        "Decompress it with DCMTK (dcmdjpeg in.dcm out.dcm), or install a decoder that pydicom takes: "
        "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg (the second is GPL)."
    )
    raise UnsupportedType(path, f"a DICOM file with {syntax.name} pixels", fix)


def _whole(path: Path) -> Dataset:
    """The file with its pixels, and with the transfer syntax that it shows without saying so."""
    from pydicom import dcmread
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    dataset = dcmread(path, force=True)
    is_implicit, is_little = dataset.original_encoding
    explicit = ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else explicit
    return dataset


def _compressed(path: Path, header: Dataset, frame: int) -> bytes:
    from pydicom import dcmread
    from pydicom.encaps import get_frame

    frames = int(header.get("NumberOfFrames") or 1)
    return get_frame(dcmread(path).PixelData, frame, number_of_frames=frames)

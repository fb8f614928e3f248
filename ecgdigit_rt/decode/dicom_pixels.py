"""Pixels of a DICOM frame: decompression of the stored values, and their conversion to RGB."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.dicom_length import check_rle_length, check_uncompressed_length
from ecgdigit_rt.decode.image_header import InvalidHeader, header_from_bytes, jpeg2000_size, kind_from_head
from ecgdigit_rt.decode.opencv_image import decode_with_opencv
from ecgdigit_rt.decode.pixels import rgb_from_pixels
from ecgdigit_rt.errors import UnreadableImage, UnsupportedType

if TYPE_CHECKING:
    from pydicom import Dataset


def stored_frame(path: Path, header: Dataset, frame: int) -> NDArray[np.generic]:
    """Return the stored values of one frame, (height, width) or (height, width, 3).

    YBR colors are converted to RGB. Raises UnsupportedType if no installed decoder supports the compression,
    UnreadableImage if the size of the stored image differs from the size in the DICOM header, and the
    exceptions of pydicom for damaged data.
    """
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.utils import pixel_array
    from pydicom.uid import JPEGLossless, JPEGLosslessSV1, RLELossless

    syntax = getattr(header, "file_meta", {}).get("TransferSyntaxUID")
    if syntax is None or not syntax.is_encapsulated:
        check_uncompressed_length(path, header)
    if syntax is None:  # without file meta information the pixels cannot be compressed
        return pixel_array(_dataset_with_syntax(path), index=frame)
    compressed = _compressed_frame(path, header, frame) if syntax.is_encapsulated else b""
    _check_codestream(path, header, compressed)
    if syntax == RLELossless:
        check_rle_length(path, header, compressed)
    try:
        is_available = get_decoder(syntax).is_available
    except NotImplementedError:
        is_available = False
    if is_available:
        return pixel_array(path, index=frame)
    if syntax in (JPEGLossless, JPEGLosslessSV1) and int(header.BitsAllocated) == 8:
        return decode_with_opencv(path, compressed, "lossless JPEG")
    fix = (
        "Decompress the file with DCMTK (dcmdjpeg in.dcm out.dcm), or install a decoder for pydicom "
        "(pylibjpeg-libjpeg is GPL): pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"
    )
    raise UnsupportedType(path, f"a DICOM file with {syntax.name} pixels", fix)


def rgb_from_frame(frame: NDArray[np.generic], header: Dataset) -> NDArray[np.uint8]:
    """Convert stored values to (height, width, 3) uint8 RGB, as a DICOM viewer displays them.

    Source: PS3.3 C.7.6.3 and C.11.2. `frame` is (height, width) or (height, width, 3). Raises the
    exceptions of pydicom for a damaged palette.
    """
    from pydicom.pixels.processing import apply_color_lut

    interpretation = str(header.get("PhotometricInterpretation", "MONOCHROME2"))
    if interpretation == "PALETTE COLOR":
        return rgb_from_pixels(apply_color_lut(frame, header))
    if frame.ndim == 3:
        white = 2 ** int(header.BitsStored) - 1
        return rgb_from_pixels(_scale_to_8_bits(frame, 0, white))
    low, high = _window(header)
    slope, offset = _number(header, "RescaleSlope", 1), _number(header, "RescaleIntercept", 0)
    low, high = (low - offset) / slope, (high - offset) / slope
    gray = _scale_to_8_bits(frame, low, high)
    return rgb_from_pixels(255 - gray if interpretation == "MONOCHROME1" else gray)


def _dataset_with_syntax(path: Path) -> Dataset:
    """Read the whole file, and set the transfer syntax that matches the encoding that pydicom detects."""
    from pydicom import dcmread
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    dataset = dcmread(path, force=True)
    is_implicit, is_little = dataset.original_encoding
    explicit = ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else explicit
    return dataset


def _compressed_frame(path: Path, header: Dataset, frame: int) -> bytes:
    from pydicom import dcmread
    from pydicom.encaps import get_frame

    frames = int(header.get("NumberOfFrames") or 1)
    return get_frame(dcmread(path).PixelData, frame, number_of_frames=frames)


def _check_codestream(path: Path, header: Dataset, data: bytes) -> None:
    """Raise UnreadableImage if a compressed frame has another size than its DICOM header declares.

    Only JPEG and JPEG 2000 frames are checked.
    """
    size = jpeg2000_size(data)
    if size is None and kind_from_head(data) == "JPEG":
        try:
            frame = header_from_bytes(data)
        except InvalidHeader as error:
            raise UnreadableImage(path, f"the DICOM pixel data are damaged: {error}") from error
        size = frame.width, frame.height
    declared = int(header.Columns), int(header.Rows)
    if size is not None and size != declared:
        sizes = f"{size[0]} x {size[1]} px, but its header declares {declared[0]} x {declared[1]} px"
        raise UnreadableImage(path, f"its compressed image is {sizes}")


def _window(header: Dataset) -> tuple[float, float]:
    """Return the values that MONOCHROME2 displays as black and as white, in units after rescaling.

    These values are the limits of the first window in the file (PS3.3 C.11.2.1.2.1, LINEAR). If the file has
    no window, they are the limits of the range of the stored bits.
    """
    width = _number(header, "WindowWidth", 0)
    if width > 1:
        center = _number(header, "WindowCenter", 0)
        return center - width / 2, center + width / 2 - 1
    bits = int(header.BitsStored)
    is_signed = int(header.get("PixelRepresentation", 0)) == 1
    low = -(2 ** (bits - 1)) if is_signed else 0
    slope, offset = _number(header, "RescaleSlope", 1), _number(header, "RescaleIntercept", 0)
    return low * slope + offset, (low + 2**bits - 1) * slope + offset


def _number(header: Dataset, keyword: str, default: float) -> float:
    """Return the first value of an element, or `default` if the element is absent or empty."""
    if keyword not in header or header[keyword].VM == 0:
        return default
    value = header[keyword].value
    return float(value[0] if header[keyword].VM > 1 else value)


def _scale_to_8_bits(stored: NDArray[np.generic], low: float, high: float) -> NDArray[np.uint8]:
    """Map `low` to 0 and `high` to 255 linearly, and clip values outside this range."""
    if stored.dtype == np.uint8 and (low, high) == (0, 255):
        return stored.astype(np.uint8, copy=False)
    factor = np.float32(255 / (high - low))
    scaled: NDArray[np.float32] = (stored.astype(np.float32) - np.float32(low)) * factor
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)

"""DICOM datasets with images, uncompressed and compressed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    generate_uid,
)


def dataset(uid: str = MultiFrameTrueColorSecondaryCaptureImageStorage, **elements: object) -> FileDataset:
    """Return a dataset of the SOP class `uid` with these elements, but without an image."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID(uid)
    result = FileDataset("", Dataset(), file_meta=meta, preamble=bytes(128))
    result.SOPClassUID = uid
    result.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword, value in elements.items():
        setattr(result, keyword, value)
    return result


def image_dataset(
    stored: NDArray[np.generic], interpretation: str, bits: int | None = None, **elements: object
) -> FileDataset:
    """Return a dataset with an uncompressed image.

    `stored` has the shape (height, width) or (height, width, 3), optionally with a first axis of frames.
    `interpretation` is the PhotometricInterpretation.
    """
    is_colour = stored.shape[-1] == 3
    frames = stored.ndim - 2 - is_colour
    height, width = stored.shape[frames:][:2]
    size = stored.dtype.itemsize * 8
    result = dataset(
        Rows=height, Columns=width, SamplesPerPixel=3 if is_colour else 1,
        PhotometricInterpretation=interpretation,
        BitsAllocated=size, BitsStored=bits or size, HighBit=(bits or size) - 1,
        PixelRepresentation=int(stored.dtype.kind == "i"),
    )  # fmt: skip
    if is_colour:
        result.PlanarConfiguration = 0
    if frames:
        result.NumberOfFrames = stored.shape[0]
    for keyword, value in elements.items():
        setattr(result, keyword, value)
    result.PixelData = stored.tobytes()
    result["PixelData"].VR = "OB" if size == 8 else "OW"
    return result


def with_compressed_frames(base: FileDataset, syntax: str, *frames: bytes) -> FileDataset:
    """Replace the pixels of `base` with compressed frames, in place, and return `base`."""
    base.file_meta.TransferSyntaxUID = UID(syntax)
    base.PixelData = encapsulate(list(frames))
    base["PixelData"].VR = "OB"
    base["PixelData"].is_undefined_length = True
    return base

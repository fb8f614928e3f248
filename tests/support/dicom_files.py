"""DICOM files with pictures, plain and compressed."""

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
from sample_picture import grey_page

GREY = np.dstack([grey_page()] * 3)


def dataset(uid: str = MultiFrameTrueColorSecondaryCaptureImageStorage, **elements: object) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID(uid)
    made = FileDataset("", Dataset(), file_meta=meta, preamble=bytes(128))
    made.SOPClassUID = uid
    made.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def picture(
    stored: NDArray[np.generic], meaning: str, bits: int | None = None, **elements: object
) -> FileDataset:
    """(height, width) or (height, width, 3), or with frames before; `meaning`: PhotometricInterpretation."""
    is_colour = stored.shape[-1] == 3
    frames = stored.ndim - 2 - is_colour
    height, width = stored.shape[frames:][:2]
    size = stored.dtype.itemsize * 8
    made = dataset(
        Rows=height, Columns=width, SamplesPerPixel=3 if is_colour else 1, PhotometricInterpretation=meaning,
        BitsAllocated=size, BitsStored=bits or size, HighBit=(bits or size) - 1,
        PixelRepresentation=int(stored.dtype.kind == "i"),
    )  # fmt: skip
    if is_colour:
        made.PlanarConfiguration = 0
    if frames:
        made.NumberOfFrames = stored.shape[0]
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    made.PixelData = stored.tobytes()
    made["PixelData"].VR = "OB" if size == 8 else "OW"
    return made


def compressed(base: FileDataset, syntax: str, *frames: bytes) -> FileDataset:
    base.file_meta.TransferSyntaxUID = UID(syntax)
    base.PixelData = encapsulate(list(frames))
    base["PixelData"].VR = "OB"
    base["PixelData"].is_undefined_length = True
    return base

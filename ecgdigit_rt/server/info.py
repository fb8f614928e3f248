"""What a client may know of the service before it sends a page."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from ecgdigit_rt import __version__
from ecgdigit_rt.decode.limits import MAX_PIXELS, MIN_SIDE_PX
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.layout.catalog import LAYOUTS
from ecgdigit_rt.server.downloads import ready_formats
from ecgdigit_rt.server.settings import Settings

_PLAIN_INPUTS = ("PNG", "JPEG", "TIFF", "BMP", "WebP", "GIF", "AVIF", "PDF")


def service_info(digitizer: Digitizer, settings: Settings) -> dict[str, Any]:
    """Software, formats that are ready, layouts by name, and limits."""
    heic = ("HEIC",) if find_spec("pillow_heif") is not None else ()
    dicom = ("DICOM",) if find_spec("pydicom") is not None else ()
    return {
        "software": f"ecgdigit-rt {__version__}",
        "models": digitizer.models,
        "device": digitizer.device,
        "inputs": [*_PLAIN_INPUTS, *heic, *dicom],
        "formats": ready_formats(),
        "layouts": list(LAYOUTS),
        "limits": {
            "upload_mb": settings.max_upload_mb,
            "pixels": MAX_PIXELS,
            "side_px": MIN_SIDE_PX,
            "timeout_s": settings.timeout_s,
            "workers": settings.workers,
            "queue": settings.queue,
        },
    }

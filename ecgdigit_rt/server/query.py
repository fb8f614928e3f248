"""Query parameters of page requests."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from ecgdigit_rt.decode.limits import MAX_PAGES
from ecgdigit_rt.server.digitizers import RequestOptions


class DownloadFormat(StrEnum):
    """Format of the response, a key of `ecgdigit_rt.server.downloads.MEDIA_TYPES`."""

    json = "json"
    csv = "csv"
    wfdb = "wfdb"
    parquet = "parquet"
    dicom = "dicom"
    npz = "npz"
    pdf = "pdf"


class PageQuery(BaseModel):
    """Layout, scale and quality requirements of a page, and the number of the page in its file."""

    model_config = ConfigDict(extra="forbid")

    layout: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Layout: a name such as `3x4+1`, or rows such as `II` or `I,II/III,aVR`.",
    )
    speed: float | None = Field(None, ge=5, le=200, description="Paper speed in mm/s.")
    gain: float | None = Field(None, ge=1, le=80, description="Gain in mm/mV.")
    min_quality: float | None = Field(
        None,
        ge=-50,
        le=100,
        description="Minimum expected signal-to-noise ratio in dB. Pages below it are rejected.",
    )
    strict: bool = Field(False, description="Reject doubtful pages, whose signals may be wrong.")
    page: int = Field(1, ge=1, le=MAX_PAGES, description="Page number in a PDF, TIFF or DICOM file, from 1.")

    @property
    def options(self) -> RequestOptions:
        """Options of the digitizer."""
        return RequestOptions(self.layout, self.speed, self.gain, self.min_quality, self.strict)


class DownloadQuery(PageQuery):
    """Query parameters of `/v1/digitize`."""

    format: DownloadFormat = Field(DownloadFormat.json, description="Format of the response.")


class StreamQuery(PageQuery):
    """Query parameters of `/v1/digitize/stream`."""

    previews: bool = Field(
        False, description="Also send `preview` events with the image, mesh, rows and curves."
    )

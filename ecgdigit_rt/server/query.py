"""What a request may say of its page, as query parameters."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from ecgdigit_rt.decode.limits import MAX_PAGES
from ecgdigit_rt.server.digitizers import RequestOptions


class Form(StrEnum):
    """What a page can be sent as; the keys of `ecgdigit_rt.server.downloads.MEDIA_TYPES`."""

    json = "json"
    csv = "csv"
    wfdb = "wfdb"
    parquet = "parquet"
    dicom = "dicom"
    npz = "npz"
    pdf = "pdf"


class PageQuery(BaseModel):
    """Where the page itself should not be asked."""

    model_config = ConfigDict(extra="forbid")

    layout: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="A known layout, such as `3x4+1`, or its rows spelled out: `II`, or `I,II/III,aVR`.",
    )
    speed: float | None = Field(None, ge=5, le=200, description="Paper speed in mm/s.")
    gain: float | None = Field(None, ge=1, le=80, description="Gain in mm/mV.")
    min_quality: float | None = Field(
        None, ge=-50, le=100, description="Refuse a page whose expected signal-to-noise ratio (dB) is lower."
    )
    page: int = Field(1, ge=1, le=MAX_PAGES, description="Which page of a PDF, TIFF or DICOM file.")

    @property
    def told(self) -> RequestOptions:
        return RequestOptions(self.layout, self.speed, self.gain, self.min_quality)


class DownloadQuery(PageQuery):
    """And what to send."""

    format: Form = Field(Form.json, description="What to answer with.")


class StreamQuery(PageQuery):
    """And whether to send what a person looks at."""

    sketches: bool = Field(
        False, description="With `sketch` events: the picture, mesh, rows and curves to draw."
    )

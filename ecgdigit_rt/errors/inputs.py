"""What was given cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ecgdigit_engine.errors import EcgDigitError


class InputError(EcgDigitError):
    """Something that was given cannot be used."""

    exit_code = 1


class InputNotFound(InputError, FileNotFoundError):
    id = "E-INPUT-01"

    def __init__(self, given: str) -> None:
        super().__init__(
            f"no such file or folder: {given}",
            "Check the spelling; quote a glob so that the shell leaves it alone.",
        )
        self.given = given


class NoPagesFound(InputError, LookupError):
    id = "E-INPUT-02"

    def __init__(self, searched: Sequence[str], suffixes: Iterable[str]) -> None:
        kinds = " ".join(sorted(suffixes))
        super().__init__(
            f"no page images in {', '.join(searched) or 'nothing'}",
            f"Folders are searched, with all below them, for {kinds}.",
        )
        self.searched = tuple(searched)


class UnreadableImage(InputError, ValueError):
    id = "E-INPUT-03"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"cannot read {path}: {reason}",
            "Open it in an image viewer and save it again, or fetch the file anew.",
        )
        self.path = path
        self.reason = reason


class UnsupportedType(InputError, ValueError):
    id = "E-INPUT-04"

    def __init__(self, path: Path, found: str, how_to_convert: str) -> None:
        super().__init__(f"cannot read {path}: it is {found}", how_to_convert)
        self.path = path
        self.found = found


class ImageSizeOutOfRange(InputError, ValueError):
    id = "E-INPUT-05"

    def __init__(self, path: Path, width: int, height: int, allowed: str) -> None:
        super().__init__(
            f"{path} is {width} x {height} px; {allowed}",
            "Scan it at 150 to 600 dpi, or photograph it full-frame. --max-pixels sets the limit.",
        )
        self.path = path
        self.width = width
        self.height = height


class AmbiguousPage(InputError, ValueError):
    id = "E-INPUT-06"

    def __init__(self, image_id: str, paths: Sequence[Path]) -> None:
        super().__init__(
            f"{len(paths)} inputs answer to the id {image_id!r} of test.csv: " + ", ".join(map(str, paths)),
            "Give only one of them.",
        )
        self.image_id = image_id
        self.paths = tuple(paths)


class RequestedPageMissing(InputError, LookupError):
    id = "E-INPUT-07"

    def __init__(self, image_id: str) -> None:
        super().__init__(
            f"test.csv asks for {image_id}, and no input has that name",
            "Add the file or its folder to the inputs; its rows are zeros until then.",
        )
        self.image_id = image_id


class PasswordProtected(InputError, ValueError):
    id = "E-INPUT-08"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"cannot read {path}: the PDF is protected by a password",
            "Open it with the password and save it without one: qpdf --decrypt --password=… in.pdf out.pdf.",
        )
        self.path = path


class NotAnImageArray(InputError, ValueError):
    id = "E-INPUT-09"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the array is no page image: {reason}",
            "Give (height, width[, 1, 3 or 4]) of bool, uint8, uint16, or floats from 0 to 1.",
        )
        self.reason = reason


class FileTooLarge(InputError, ValueError):
    id = "E-INPUT-11"

    def __init__(self, path: Path, size: int, most: int) -> None:
        super().__init__(
            f"{path} is {size / 1e9:.1f} GB; files of at most {most / 1e9:.1f} GB are read",
            "Split it into files of fewer pages, or save it compressed.",
        )
        self.path = path
        self.size = size


class AddressNeedsCluster(InputError, ValueError):
    """An address, such as s3://bucket/scans, in a run on this machine alone."""

    id = "E-CLUSTER-01"

    def __init__(self, address: str) -> None:
        super().__init__(
            f"{address} is no path on this machine",
            "Add --cluster auto: addresses are read by a cluster, which may be this machine alone.",
        )
        self.address = address


class StorageUnusable(InputError, OSError):
    """What is behind an address cannot be listed, read or written."""

    id = "E-STORAGE-01"

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"cannot use {address}: {reason}",
            "Check the address, the credentials in the environment, and that the storage answers.",
        )
        self.address = address
        self.reason = reason


class LayoutNotUnderstood(InputError, ValueError):
    """The user's name of a layout is none, and no rows spelled out either."""

    id = "E-INPUT-10"

    def __init__(self, given: str, known: Sequence[str]) -> None:
        super().__init__(
            f"no layout {given!r}",
            f"Known: {', '.join(known)}; or rows spelled out, such as I,II,III/aVR,aVL,aVF.",
        )
        self.given = given
        self.known = tuple(known)


class RequestMalformed(InputError, ValueError):
    """What came to a server beside the image cannot be used."""

    id = "E-TRITON-02"

    def __init__(self, name: str, given: str, allowed: str) -> None:
        super().__init__(f"{name} is {given}; {allowed}", f"Correct {name}, or leave it out.")
        self.name = name
        self.given = given

"""Errors of inputs: files, arrays, addresses and options that cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ecgdigit_engine.errors import EcgDigitError


class InputError(EcgDigitError):
    """Base class of errors about inputs."""

    exit_code = 1


class InputNotFound(InputError, FileNotFoundError):
    """Input that does not exist, or glob pattern without a match."""

    id = "E-INPUT-01"

    def __init__(self, given: str) -> None:
        super().__init__(
            f"No such file or folder: {given}",
            "Check the spelling. Quote a glob pattern so that the shell does not expand it.",
        )
        self.given = given


class NoPagesFound(InputError, LookupError):
    """Inputs that exist and contain no image."""

    id = "E-INPUT-02"

    def __init__(self, searched: Sequence[str], suffixes: Iterable[str]) -> None:
        kinds = " ".join(sorted(suffixes))
        super().__init__(
            f"No page images found in {', '.join(searched) or 'an empty list of inputs'}",
            f"Folders are searched recursively for these suffixes: {kinds}.",
        )
        self.searched = tuple(searched)


class UnreadableImage(InputError, ValueError):
    """File that is empty, truncated, damaged or not an image."""

    id = "E-INPUT-03"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"Cannot read {path}: {reason}",
            "Open it in an image viewer and save it again, or copy it again from its source.",
        )
        self.path = path
        self.reason = reason


class UnsupportedType(InputError, ValueError):
    """Intact file of a type that is not supported."""

    id = "E-INPUT-04"

    def __init__(self, path: Path, found: str, how_to_convert: str) -> None:
        super().__init__(f"Cannot read {path}: it is {found}", how_to_convert)
        self.path = path
        self.found = found


class ImageSizeOutOfRange(InputError, ValueError):
    """Image that is smaller or larger than the limits."""

    id = "E-INPUT-05"

    def __init__(self, path: Path, width: int, height: int, allowed: str) -> None:
        super().__init__(
            f"Cannot read {path}: the image is {width} x {height} px; {allowed}",
            "Scan it at 150 to 600 dpi, or photograph it full-frame. --max-pixels sets the maximum.",
        )
        self.path = path
        self.width = width
        self.height = height


class AmbiguousPage(InputError, ValueError):
    """Image id of test.csv that several inputs share."""

    id = "E-INPUT-06"

    def __init__(self, image_id: str, paths: Sequence[Path]) -> None:
        super().__init__(
            f"{len(paths)} inputs match the id {image_id!r} of test.csv: " + ", ".join(map(str, paths)),
            "Pass only one of them.",
        )
        self.image_id = image_id
        self.paths = tuple(paths)


class RequestedPageMissing(InputError, LookupError):
    """Image id of test.csv that no input has."""

    id = "E-INPUT-07"

    def __init__(self, image_id: str) -> None:
        super().__init__(
            f"No input has the id {image_id} that test.csv requests",
            "Add the file or its folder to the inputs. Until then its rows are zeros.",
        )
        self.image_id = image_id


class PasswordProtected(InputError, ValueError):
    """PDF that cannot be opened without a password."""

    id = "E-INPUT-08"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"Cannot read {path}: the PDF is protected by a password",
            "Save a copy without the password: qpdf --decrypt --password=… in.pdf out.pdf.",
        )
        self.path = path


class NotAnImageArray(InputError, ValueError):
    """Array whose shape, dtype, size or values are not those of an image."""

    id = "E-INPUT-09"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The array is not a page image: {reason}",
            "Pass (height, width[, 1, 3 or 4]) of bool, uint8, uint16, or floats from 0 to 1.",
        )
        self.reason = reason


class FileTooLarge(InputError, ValueError):
    """File that is larger than the maximum size in bytes."""

    id = "E-INPUT-11"

    def __init__(self, path: Path, size: int, max_size: int) -> None:
        super().__init__(
            f"Cannot read {path}: the file has {size / 1e9:.1f} GB; the maximum is {max_size / 1e9:.1f} GB",
            "Split it into files with fewer pages, or save it compressed.",
        )
        self.path = path
        self.size = size


class AddressNeedsCluster(InputError, ValueError):
    """Address, such as s3://bucket/scans, in a run without a cluster."""

    id = "E-CLUSTER-01"

    def __init__(self, address: str) -> None:
        super().__init__(
            f"Cannot use {address}: it is not a path on this machine",
            "Add --cluster auto. Addresses need a cluster, which may be this machine alone.",
        )
        self.address = address


class StorageUnusable(InputError, OSError):
    """Storage behind an address that cannot be listed, read or written."""

    id = "E-STORAGE-01"

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"Cannot use {address}: {reason}",
            "Check the address, the credentials in the environment, and that the storage is reachable.",
        )
        self.address = address
        self.reason = reason


class InvalidLayout(InputError, ValueError):
    """Layout option that is neither a known name nor a list of rows."""

    id = "E-INPUT-10"

    def __init__(self, given: str, known: Sequence[str]) -> None:
        super().__init__(
            f"Unknown layout: {given!r}",
            f"Known layouts: {', '.join(known)}. Or list the rows, such as I,II,III/aVR,aVL,aVF.",
        )
        self.given = given
        self.known = tuple(known)


class RequestMalformed(InputError, ValueError):
    """Parameter of a request to a Triton server that cannot be used."""

    id = "E-TRITON-02"

    def __init__(self, name: str, given: str, allowed: str) -> None:
        super().__init__(f"{name} is {given}; {allowed}", f"Correct {name}, or omit it.")
        self.name = name
        self.given = given

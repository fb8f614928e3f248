"""Errors of inputs: files, arrays, URLs and options that cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ecgdigit_engine.errors import EcgDigitError


class InputError(EcgDigitError):
    """Base class of errors about inputs."""

    exit_code = 1


class InputNotFound(InputError, FileNotFoundError):
    """A file, folder or URL does not exist, or a glob pattern has no match."""

    id = "E-INPUT-01"

    def __init__(self, given: str) -> None:
        super().__init__(
            f"Input not found: {given}",
            "Check the spelling. Check that a glob pattern matches a file, and quote it for the shell.",
        )
        self.given = given


class NoPagesFound(InputError, LookupError):
    """The inputs exist but contain no image, or no inputs were passed."""

    id = "E-INPUT-02"

    def __init__(self, searched: Sequence[str], suffixes: Iterable[str]) -> None:
        place = f" in {', '.join(searched)}" if searched else ": the list of inputs is empty"
        super().__init__(
            f"No page images found{place}",
            f"Pass files, or folders that contain files with these suffixes: {' '.join(sorted(suffixes))}.",
        )
        self.searched = tuple(searched)


class UnreadableImage(InputError, ValueError):
    """A file is empty, truncated, damaged or not an image, or it cannot be opened."""

    id = "E-INPUT-03"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"Cannot read {path}: {reason}",
            "Open the file in an image viewer and save it again, or copy it again from its source.",
        )
        self.path = path
        self.reason = reason


class UnsupportedType(InputError, ValueError):
    """The type of an intact file is not supported."""

    id = "E-INPUT-04"

    def __init__(self, path: Path, found: str, how_to_convert: str) -> None:
        super().__init__(f"Cannot read {path}: it is {found}", how_to_convert)
        self.path = path
        self.found = found


class ImageSizeOutOfRange(InputError, ValueError):
    """An image is smaller than the minimum size or larger than the maximum size.

    `limit` states the limit in the message.
    """

    id = "E-INPUT-05"

    def __init__(self, path: Path, width: int, height: int, limit: str, *, is_too_large: bool) -> None:
        fix = "raise --max-pixels" if is_too_large else "photograph it so that the page fills the frame"
        super().__init__(
            f"Cannot read {path}: the image is {width} x {height} px; {limit}",
            f"Scan the page at 150 to 600 dpi, or {fix}.",
        )
        self.path = path
        self.width = width
        self.height = height


class AmbiguousPage(InputError, ValueError):
    """Several inputs match one image id in test.csv."""

    id = "E-INPUT-06"

    def __init__(self, image_id: str, paths: Sequence[Path]) -> None:
        super().__init__(
            f"{len(paths)} inputs match the id {image_id!r} in test.csv: " + ", ".join(map(str, paths)),
            "Pass only one of them.",
        )
        self.image_id = image_id
        self.paths = tuple(paths)


class RequestedPageMissing(InputError, LookupError):
    """No input matches an image id in test.csv."""

    id = "E-INPUT-07"

    def __init__(self, image_id: str) -> None:
        super().__init__(
            f"No input matches the id {image_id!r} requested in test.csv",
            "Add the file to the inputs. Otherwise its rows are filled with zeros.",
        )
        self.image_id = image_id


class PasswordProtected(InputError, ValueError):
    """A PDF cannot be opened without a password."""

    id = "E-INPUT-08"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"Cannot read {path}: the PDF is password-protected",
            "Save a copy without the password: qpdf --decrypt --password=… in.pdf out.pdf",
        )
        self.path = path


class NotAnImageArray(InputError, ValueError):
    """An array has a shape, dtype, size or value range that an image cannot have."""

    id = "E-INPUT-09"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The array is not a page image: {reason}",
            "Pass bool, uint8, uint16 or floats from 0 to 1 of shape (height, width) or "
            "(height, width, 1, 3 or 4).",
        )
        self.reason = reason


class FileTooLarge(InputError, ValueError):
    """A file is larger than the maximum size. `size` and `max_size` are in bytes."""

    id = "E-INPUT-11"

    def __init__(self, path: Path, size: int, max_size: int) -> None:
        super().__init__(
            f"Cannot read {path}: the file is {size / 1e9:.1f} GB; the maximum is {max_size / 1e9:.1f} GB",
            "Split the file into files with fewer pages, or save it compressed.",
        )
        self.path = path
        self.size = size


class AddressNeedsCluster(InputError, ValueError):
    """A URL such as s3://bucket/scans is passed to a run without a cluster."""

    id = "E-CLUSTER-01"

    def __init__(self, address: str) -> None:
        super().__init__(
            f"Cannot use {address}: it is not a path on this machine",
            "Add --cluster auto. URLs need a cluster, which can consist of this machine alone.",
        )
        self.address = address


class StorageUnusable(InputError, OSError):
    """The remote storage at a URL cannot be listed, read or written."""

    id = "E-STORAGE-01"

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"Cannot use {address}: {reason}",
            "Check the URL, the credentials in the environment, and the connection to the storage.",
        )
        self.address = address
        self.reason = reason


class InvalidLayout(InputError, ValueError):
    """The value of a layout option is neither the name of a known layout nor a list of rows."""

    id = "E-INPUT-10"

    def __init__(self, given: str, known: Sequence[str]) -> None:
        super().__init__(
            f"Unknown layout: {given!r}",
            f"Pass a known layout ({', '.join(known)}), or list the rows, such as I,II,III/aVR,aVL,aVF.",
        )
        self.given = given
        self.known = tuple(known)


class RequestMalformed(InputError, ValueError):
    """A parameter of a request to a Triton server is invalid."""

    id = "E-TRITON-02"

    def __init__(self, name: str, given: str, requirement: str) -> None:
        super().__init__(f"{name} is {given}; {requirement}", f"Correct {name}, or omit it.")
        self.name = name
        self.given = given

"""List of the pages of the inputs: files, folders, globs, and a list on standard input.

The id of a page is `PageRef.id`, the stem of its file with `_p2`, `_p3`, ... from the second page on. It is
also the image id in test.csv. If several pages have the same id, `page_ids` adds their folders or suffixes to
make the ids distinct.
"""

from __future__ import annotations

import glob
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgdigit_rt.decode.file_formats import page_count
from ecgdigit_rt.decode.page_files import IMAGE_SUFFIXES, is_page_file, kind_of_file
from ecgdigit_rt.errors import AddressNeedsCluster, InputNotFound, NoPagesFound
from ecgdigit_rt.results import PageRef

STANDARD_INPUT = "-"
"""Input that means that the list of inputs is read from standard input."""


@dataclass(frozen=True, slots=True)
class FoundPages:
    """Pages of the inputs, and the number of other files in folders and globs by kind.

    Kinds are those of `kind_of_file`. Hidden files are not counted.
    """

    pages: list[PageRef]
    other_files: Counter[str]


def pages_from_inputs(inputs: Iterable[str | Path]) -> list[PageRef]:
    """Return the pages of files, folders and globs. See `find_pages`."""
    return find_pages(inputs).pages


def find_pages(inputs: Iterable[str | Path]) -> FoundPages:
    """Return the pages of files, folders and globs, each page once, and the number of other files.

    Pages are in the order of the inputs. Within a folder or glob, names are in natural order ("page 2" before
    "page 10"), and the pages of a file are consecutive. A folder is searched recursively for the files that
    `is_page_file` recognizes by their suffix or content. Hidden files and folders are skipped. Links to
    folders inside the searched folder are not followed, because they may form loops. Of the files that match
    a glob, only those that `is_page_file` recognizes are listed. A file that is passed by name is listed
    whatever its suffix and content, so that an error is reported if it cannot be decoded.

    Errors that concern one file are reported when the file is decoded. Therefore the list also contains pipes
    and broken links with the suffix of an image, and folders that cannot be opened, except below
    the `**` of a glob. A file whose pages cannot
    be counted is listed as one page. The input "-" means a list of inputs on standard input, one per line or
    separated by NUL (`find -print0`).

    Raises InputNotFound for a name that does not exist or a glob without a match, AddressNeedsCluster for
    a URL, and NoPagesFound if the inputs contain no image.
    """
    names = [str(item) for item in inputs]
    pages_by_file: dict[Path, list[PageRef]] = {}  # by resolved path, so that each file is listed once
    others: Counter[str] = Counter()
    for item in names:
        for name in names_from_stdin() if item == STANDARD_INPUT else [item]:
            if is_address(name):
                raise AddressNeedsCluster(name)
            for path in _files(name, others):
                resolved = Path(os.path.realpath(path))  # Path.resolve raises for a link to itself
                if resolved not in pages_by_file:
                    pages_by_file[resolved] = pages_from_file(path)
    if not pages_by_file:
        searched = ["standard input" if name == STANDARD_INPUT else name for name in names]
        raise NoPagesFound(searched, IMAGE_SUFFIXES)
    found = [page for pages in pages_by_file.values() for page in pages]
    return FoundPages(found, others)


def is_address(text: str) -> bool:
    """Return whether the text is a URL, such as s3://bucket/scans. A drive letter is not a scheme."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text) is not None


def names_from_stdin() -> list[str]:
    """Return the inputs listed on standard input, separated by NUL, or by newlines if it contains no NUL."""
    text = sys.stdin.buffer.read().decode(sys.stdin.encoding, "surrogateescape")
    names = text.split("\0") if "\0" in text else [line.removesuffix("\r") for line in text.split("\n")]
    return [name for name in names if name.strip()]


def pages_from_file(path: Path) -> list[PageRef]:
    """Return every page of one file, or only the first page if the pages cannot be counted."""
    try:
        count = page_count(path)
    except Exception:  # noqa: BLE001 decoding reports the error, as the failure of one page
        count = 1
    return [PageRef(path, number) for number in range(count)]


def page_ids(pages: Sequence[PageRef]) -> list[str]:
    """Return one distinct id per page, in order.

    A `PageRef.id` that is unique does not change. If pages in different folders have the same id, as many
    parent folders as needed are prepended (`ward-a-0001`, `ward-b-0001`), or all of them if two such pages
    are in one folder. If all pages with the same id are in one folder, their suffixes are appended
    (`0001-jpg`, `0001-png`). A number is appended to ids that are still equal.
    """
    ids = [page.id for page in pages]
    counts = Counter(ids)
    taken = {name for name, count in counts.items() if count == 1}
    for name in (name for name, count in counts.items() if count > 1):
        members = [i for i, page in enumerate(pages) if page.id == name]
        for i, longer in zip(members, _disambiguated([pages[i] for i in members]), strict=True):
            ids[i] = _unique(longer, taken)
            taken.add(ids[i])
    return ids


def _files(item: str, others: Counter[str]) -> list[Path]:
    """Return the files of one input. Count the files in folders and globs that are not pages."""
    try:
        return _expand(item, others)
    except (OSError, ValueError) as error:  # such as an invalid file name
        raise InputNotFound(item) from error


def _expand(item: str, others: Counter[str]) -> list[Path]:
    path = Path(item)
    if path.is_dir():
        return _images_below(path, others)
    if os.path.lexists(path):  # a broken link is listed, and decoding it fails
        return [path]
    if not glob.has_magic(item):
        raise InputNotFound(item)
    matches = set(_matches(path))
    if not matches:
        raise InputNotFound(item)
    files: list[Path] = []
    for match in sorted(matches, key=natural_sort_key):
        files += _images_below(match, others) if match.is_dir() else _page_files([match], others)
    return files


def _matches(pattern: Path) -> Iterator[Path]:
    """Yield the paths that match a glob. `**` matches any number of folders.

    `**` skips hidden folders, and does not follow links to folders. A path may be yielded more than once.
    """
    if "**" not in pattern.parts:
        yield from map(Path, glob.glob(str(pattern)))  # noqa: PTH207 Path.glob rejects absolute patterns
        return
    at = pattern.parts.index("**")
    below = Path(*pattern.parts[at + 1 :])
    for top in _matches(Path(*pattern.parts[:at])):
        for folder, files in _walk(top):
            if pattern.parts[at + 1 :]:
                yield from _matches(Path(glob.escape(str(folder)), below))
            else:
                yield from (folder / name for name in files)


def _images_below(folder: Path, others: Counter[str]) -> list[Path]:
    """Return all files below a folder that contain pages, and all folders that cannot be opened."""
    unreadable: list[OSError] = []
    files = [place / name for place, names in _walk(folder, unreadable.append) for name in names]
    return sorted(
        [*_page_files(files, others), *(Path(error.filename) for error in unreadable)], key=natural_sort_key
    )


def _page_files(files: Iterable[Path], others: Counter[str]) -> list[Path]:
    """Return the files that contain pages, and count the others in `others`."""
    pages = []
    for path in files:
        if is_page_file(path):
            pages.append(path)
        else:
            others[kind_of_file(path)] += 1
    return pages


def _walk(top: Path, on_error: Callable[[OSError], object] | None = None) -> Iterator[tuple[Path, list[str]]]:
    """Yield `top` and all folders below it, each with the names of its files.

    Hidden files and folders are skipped. `on_error` is called for each folder that cannot be opened.
    """
    for place, folders, files in os.walk(top, onerror=on_error):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield Path(place), [name for name in files if not name.startswith(".")]


def natural_sort_key(path: Path) -> list[list[tuple[bool, int, str]]]:
    """Return a sort key that compares paths folder by folder, digits as numbers, and suffixes last."""
    return [
        [
            (not piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece.lower())
            for piece in re.split(r"(\d+)", part)
            if piece
        ]
        for part in (*path.with_suffix("").parts, path.suffix)
    ]


def _disambiguated(pages: Sequence[PageRef]) -> list[str]:
    """Return new ids for pages with the same `PageRef.id`, extended by their suffix or parent folders."""
    paths = [page.path.absolute() for page in pages]
    if len({path.parent for path in paths}) == 1:
        return [f"{page.id}-{page.path.suffix.lstrip('.')}" for page in pages]
    max_depth = max(len(path.parts) for path in paths)
    names: list[str] = []
    for depth in range(1, max_depth):
        names = [
            "-".join([*path.parent.parts[1:][-depth:], page.id])
            for page, path in zip(pages, paths, strict=True)
        ]
        if len(set(names)) == len(names):
            break
    return names


def _unique(name: str, taken: set[str]) -> str:
    """Return `name`, with a number appended if it is already taken."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    return candidate

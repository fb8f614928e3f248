"""What the user names becomes a list of pages: files, folders, globs, a list on standard input.

A page's id is its file's stem, which is also the image id of the competition. Where two inputs
share a stem, `page_ids` tells them apart by their folders.
"""

from __future__ import annotations

import glob
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ecgdigit_rt.decode.formats import page_count
from ecgdigit_rt.errors import InputNotFound, NoPagesFound
from ecgdigit_rt.results import PageRef

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif"}
    | {".heic", ".heif", ".avif", ".pdf", ".dcm", ".dicom"}
)
"""What a folder is searched for, in small letters or capitals."""

STANDARD_INPUT = "-"


def pages_from_inputs(inputs: Iterable[str | Path]) -> list[PageRef]:
    """List the pages behind files, folders and globs, each once.

    The inputs keep the order they are given in; within a folder or glob, names sort as people
    count ("page 2" before "page 10"), and a file's pages follow each other. A folder is searched
    with all below it, for the suffixes above; a file that is named itself is taken whatever its
    suffix, so that its failure is told. Links to folders are not followed, so that a loop of them ends.
    What has a page's name and is no file, a pipe or a link to nothing, and a folder that cannot be opened
    are listed too: decoding them will tell. "-" stands for a list of such inputs on standard input:
    one per line, or with NULs between them (`find -print0`) where there are any.

    A file whose pages cannot be counted is one page; decoding it will tell why.

    Raises InputNotFound for a name that does not exist or a glob that matches nothing, and
    NoPagesFound where all that was given holds no image.
    """
    given = [str(item) for item in inputs]
    found: dict[Path, list[PageRef]] = {}  # resolved path → pages: the same file twice is one
    for item in given:
        for name in listed_names() if item == STANDARD_INPUT else [item]:
            for path in _files(name):
                resolved = Path(os.path.realpath(path))  # Path.resolve raises where a link leads to itself
                if resolved not in found:
                    found[resolved] = pages_of_file(path)
    if not found:
        raise NoPagesFound(["standard input" if i == STANDARD_INPUT else i for i in given], IMAGE_SUFFIXES)
    return [page for pages in found.values() for page in pages]


def listed_names() -> list[str]:
    """The inputs that standard input lists. A name may hold any byte but NUL and, in lines, newline."""
    text = sys.stdin.buffer.read().decode(sys.stdin.encoding, "surrogateescape")
    names = text.split("\0") if "\0" in text else [line.removesuffix("\r") for line in text.split("\n")]
    return [name for name in names if name.strip()]


def pages_of_file(path: Path) -> list[PageRef]:
    """Every page of one file; of one whose pages cannot be counted, the first."""
    try:
        count = page_count(path)
    except Exception:  # noqa: BLE001 whatever it is, decoding meets it again, inside the page's boundary
        count = 1
    return [PageRef(path, number) for number in range(count)]


def page_ids(pages: Sequence[PageRef]) -> list[str]:
    """One distinct id per page, in order.

    A stem that stands once is the id. Pages that share one get as many of their parent folders
    before it as it takes (`ward-a-0001`, `ward-b-0001`); those that differ in suffix alone
    (`0001.jpg`, `0001.png`) get it too (`0001-jpg`, `0001-png`).
    """
    ids = [page.id for page in pages]
    counts = Counter(ids)
    taken = {name for name, count in counts.items() if count == 1}
    for name in (name for name, count in counts.items() if count > 1):
        members = [i for i, page in enumerate(pages) if page.id == name]
        for i, longer in zip(members, _disambiguated([pages[i] for i in members]), strict=True):
            ids[i] = _free(longer, taken)
            taken.add(ids[i])
    return ids


def _files(item: str) -> list[Path]:
    try:
        return _found(item)
    except (OSError, ValueError) as error:  # a name that no file system takes
        raise InputNotFound(item) from error


def _found(item: str) -> list[Path]:
    path = Path(item)
    if path.is_dir():
        return _images_below(path)
    if os.path.lexists(path):  # a link to nothing is a page that will fail
        return [path]
    if not glob.has_magic(item):
        raise InputNotFound(item)
    matches = set(_matches(path))
    if not matches:
        raise InputNotFound(item)
    files: list[Path] = []
    for match in sorted(matches, key=natural_order):
        files += _images_below(match) if match.is_dir() else [match] if is_image(match) else []
    return files


def _matches(pattern: Path) -> Iterator[Path]:
    """What a glob names, `**` being any number of folders. It follows no links: loops of them never end."""
    if "**" not in pattern.parts:
        yield from map(Path, glob.glob(str(pattern)))  # noqa: PTH207 absolute globs
        return
    at = pattern.parts.index("**")
    below = Path(*pattern.parts[at + 1 :])
    for top in _matches(Path(*pattern.parts[:at])):
        for folder, files in _walk(top):
            if pattern.parts[at + 1 :]:
                yield from _matches(Path(glob.escape(str(folder)), below))
            else:
                yield from (folder / name for name in files)


def _images_below(folder: Path) -> list[Path]:
    closed: list[OSError] = []
    images = [place / name for place, files in _walk(folder, closed.append) for name in files]
    return sorted([*filter(is_image, images), *(Path(error.filename) for error in closed)], key=natural_order)


def _walk(
    top: Path, on_closed: Callable[[OSError], object] | None = None
) -> Iterator[tuple[Path, list[str]]]:
    """A folder and all below it, each with its files, less what is hidden.

    `on_closed` is told of folders that could not be opened.
    """
    for place, folders, files in os.walk(top, onerror=on_closed):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield Path(place), [name for name in files if not name.startswith(".")]


def is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES


def natural_order(path: Path) -> list[list[tuple[bool, int, str]]]:
    """Sort key, folder by folder, that takes digits as numbers; the suffix counts last."""
    return [
        [
            (not piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece.lower())
            for piece in re.split(r"(\d+)", part)
            if piece
        ]
        for part in (*path.with_suffix("").parts, path.suffix)
    ]


def _disambiguated(pages: Sequence[PageRef]) -> list[str]:
    paths = [page.path.absolute() for page in pages]
    if len({path.parent for path in paths}) == 1:
        return [f"{page.id}-{page.path.suffix.lstrip('.')}" for page in pages]
    deepest = max(len(path.parts) for path in paths)
    names: list[str] = []
    for depth in range(1, deepest):
        names = [
            "-".join([*path.parent.parts[1:][-depth:], page.id])
            for page, path in zip(pages, paths, strict=True)
        ]
        if len(set(names)) == len(names):
            break
    return names


def _free(name: str, taken: set[str]) -> str:
    """`name`, or with a number after it where that is an id already."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    return candidate

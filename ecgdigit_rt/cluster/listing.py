"""Input files of a run on a cluster. Paths are listed as in a run on one machine, URLs through fsspec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from ecgdigit_rt.cluster.address import file_system, reraise_as_storage_error
from ecgdigit_rt.decode.page_files import IMAGE_SUFFIXES, has_image_suffix
from ecgdigit_rt.decode.page_list import (
    STANDARD_INPUT,
    is_address,
    names_from_stdin,
    natural_sort_key,
    pages_from_inputs,
)
from ecgdigit_rt.errors import InputNotFound, NoPagesFound
from ecgdigit_rt.results import PageRef

ListedFile = list[PageRef] | str
"""Pages of a local file, or the URL of a file whose pages are not yet counted."""


def list_files(inputs: Iterable[str]) -> list[ListedFile]:
    """Return all files that the inputs refer to, in order and without duplicates.

    A URL may also be a folder, which is searched without hidden files, or a glob. Both give files with the
    suffixes of `IMAGE_SUFFIXES`, in natural order. Raises InputNotFound, NoPagesFound, DependencyMissing or
    StorageUnusable.
    """
    items = list(inputs)
    names = [name for item in items for name in (names_from_stdin() if item == STANDARD_INPUT else [item])]
    files: dict[str, ListedFile] = {}
    for name in names:
        if is_address(name):
            files |= {address: address for address in _addresses(name)}
        else:
            for page in pages_from_inputs([name]):
                pages = files.setdefault(str(page.path), [])
                if isinstance(pages, list) and page not in pages:
                    pages.append(page)
    if not files:
        raise NoPagesFound(items, IMAGE_SUFFIXES)
    return list(files.values())


def _addresses(address: str) -> Iterator[str]:
    """Yield the URL of a file, or the URLs of all images that match a glob or are below a folder."""
    filesystem, path = file_system(address)
    with reraise_as_storage_error(address):
        if "*" in path or "?" in path:
            names = [name for name in filesystem.glob(path) if filesystem.isfile(name)]
            images = [name for name in names if has_image_suffix(Path(name))]
        elif filesystem.isfile(path):
            yield address
            return
        else:
            names = filesystem.find(path)
            images = [name for name in names if has_image_suffix(Path(name)) and not _is_hidden(name, path)]
        if not names:
            raise InputNotFound(address)
        for name in sorted(images, key=lambda name: natural_sort_key(Path(name))):
            yield filesystem.unstrip_protocol(name)


def _is_hidden(name: str, folder: str) -> bool:
    """Return True if a part of the path below the folder starts with a dot."""
    return any(part.startswith(".") for part in PurePosixPath(name).parts[len(PurePosixPath(folder).parts) :])

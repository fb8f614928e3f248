"""Input files of a run on a cluster: paths as on one machine, addresses through fsspec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from ecgdigit_rt.cluster.address import file_system, reraise_as_storage_error
from ecgdigit_rt.decode.page_list import (
    IMAGE_SUFFIXES,
    STANDARD_INPUT,
    has_image_suffix,
    is_address,
    names_from_stdin,
    natural_sort_key,
    pages_from_inputs,
)
from ecgdigit_rt.errors import InputNotFound, NoPagesFound
from ecgdigit_rt.results import PageRef

ListedFile = list[PageRef] | str
"""Pages of a path, or the address of a file whose pages are not counted yet."""


def list_files(inputs: Iterable[str]) -> list[ListedFile]:
    """Return all files behind the inputs, in order, each once.

    Folders and globs of addresses are searched like those of paths: for the same suffixes, without hidden
    files, in natural order. Raises InputNotFound, NoPagesFound, DependencyMissing and StorageUnusable.
    """
    given = list(inputs)
    names = [name for item in given for name in (names_from_stdin() if item == STANDARD_INPUT else [item])]
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
        raise NoPagesFound(given, IMAGE_SUFFIXES)
    return list(files.values())


def _addresses(address: str) -> Iterator[str]:
    """Yield the file itself, the matches of a glob, or the images below a folder."""
    files, path = file_system(address)
    with reraise_as_storage_error(address):
        if "*" in path or "?" in path:
            names = [name for name in files.glob(path) if files.isfile(name)]
            images = [name for name in names if has_image_suffix(Path(name))]
        elif files.isfile(path):
            yield address
            return
        else:
            names = files.find(path)
            images = [name for name in names if has_image_suffix(Path(name)) and not _is_hidden(name, path)]
        if not names:
            raise InputNotFound(address)
        for name in sorted(images, key=lambda name: natural_sort_key(Path(name))):
            yield files.unstrip_protocol(name)


def _is_hidden(name: str, folder: str) -> bool:
    """Return True if a part of the path below the folder starts with a dot."""
    return any(part.startswith(".") for part in PurePosixPath(name).parts[len(PurePosixPath(folder).parts) :])

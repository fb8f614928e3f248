"""Which files a run on a cluster reads: paths as on one machine, addresses by fsspec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from ecgdigit_rt.cluster.address import file_system, is_address, telling_of_storage
from ecgdigit_rt.decode.page_list import (
    IMAGE_SUFFIXES,
    STANDARD_INPUT,
    is_image,
    listed_names,
    natural_order,
    pages_from_inputs,
)
from ecgdigit_rt.errors import InputNotFound, NoPagesFound
from ecgdigit_rt.results import PageRef

Listed = list[PageRef] | str
"""Pages of a path, or the address of a file whose pages nobody has counted yet."""


def listed_files(inputs: Iterable[str]) -> list[Listed]:
    """Everything behind the inputs, in their order, each file once.

    Folders and globs of addresses are searched as those of paths are: for the same suffixes, less what is
    hidden, in natural order. Raises InputNotFound, NoPagesFound, DependencyMissing and StorageUnusable.
    """
    given = list(inputs)
    names = [name for item in given for name in (listed_names() if item == STANDARD_INPUT else [item])]
    found: dict[str, Listed] = {}
    for name in names:
        if is_address(name):
            found |= {address: address for address in _addresses(name)}
        else:
            for page in pages_from_inputs([name]):
                pages = found.setdefault(str(page.path), [])
                if isinstance(pages, list) and page not in pages:
                    pages.append(page)
    if not found:
        raise NoPagesFound(given, IMAGE_SUFFIXES)
    return list(found.values())


def _addresses(address: str) -> Iterator[str]:
    """The file itself, what a glob names, or the images below a folder."""
    files, path = file_system(address)
    with telling_of_storage(address):
        if "*" in path or "?" in path:
            names = [name for name in files.glob(path) if files.isfile(name)]
            images = [name for name in names if is_image(Path(name))]
        elif files.isfile(path):
            yield address
            return
        else:
            names = files.find(path)
            images = [name for name in names if is_image(Path(name)) and not _is_hidden(name, path)]
        if not names:
            raise InputNotFound(address)
        for name in sorted(images, key=lambda name: natural_order(Path(name))):
            yield files.unstrip_protocol(name)


def _is_hidden(name: str, folder: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(name).parts[len(PurePosixPath(folder).parts) :])

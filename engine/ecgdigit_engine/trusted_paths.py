"""Check that only the user and root can change a file, as `StrictModes` of OpenSSH does.

Stored machine code, such as compiled kernels and engines, is loaded only from trusted paths: users who can
replace it can run code with the permissions of its reader.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_MAX_LINKS = 40  # maximum number of links in a path, as in the Linux kernel (MAXSYMLINKS)

ROOT_USER = 0  # user id of root on every Unix system


def untrusted_reason(path: Path) -> str:
    """Return why another user could replace the content of `path`, or an empty string if none could.

    `path`, all folders above it, and all links on the way must belong to the user or to root. Others must not
    have write permission, except for folders above `path` with the sticky bit, such as /tmp, in which users
    cannot replace the files of others. Write permission for a group is accepted if the user and root are its
    only members. A part of the path that does not exist is trusted. On Windows, all paths are trusted.
    """
    if os.name != "posix":
        return ""
    try:
        visited = list(_resolution(path))
        end = path.resolve()
        return next(filter(None, (_untrusted_part(part, is_end=part == end) for part in visited)), "")
    except OSError as error:
        return f"{path} cannot be checked: {error.strerror or error}"


def is_inside(path: Path, folder: Path) -> bool:
    """Return whether `path`, with all links resolved, is below `folder`."""
    return path.resolve().is_relative_to(folder.resolve())


def _resolution(path: Path) -> Iterator[Path]:
    """Yield all folders and links that the system visits to open `path`, from the root on, and the end.

    Stops at a part that does not exist. Raises OSError if there are too many links.
    """
    current, *parts = map(Path, path.absolute().parts)
    pending, links = parts[::-1], 0
    yield current
    while pending:
        part = pending.pop()
        if part.name == "..":
            current = current.parent
            continue
        child = current / part
        if not os.path.lexists(child):
            return
        yield child
        if not child.is_symlink():
            current = child
            continue
        links += 1
        if links > _MAX_LINKS:
            raise OSError(40, "too many links")
        target = child.readlink()
        if target.is_absolute():
            current = Path(target.anchor)
        pending += [Path(name) for name in target.parts[::-1] if name != target.anchor]


def _untrusted_part(path: Path, *, is_end: bool) -> str:
    """Return why one part of a path is not trusted, or an empty string."""
    status = path.lstat()
    if status.st_uid not in (ROOT_USER, os.geteuid()):
        return f"{path} belongs to another user ({status.st_uid})"
    if stat.S_ISLNK(status.st_mode) or (status.st_mode & stat.S_ISVTX and not is_end):
        return ""
    if status.st_mode & stat.S_IWOTH:
        return f"{path} is writable by all users"
    if status.st_mode & stat.S_IWGRP and not _has_no_other_members(status.st_gid, os.geteuid()):
        return f"{path} is writable by its group"
    return ""


@cache
def _has_no_other_members(group: int, user: int) -> bool:
    """Return whether a group has members, and they are the user and root only.

    Many systems give every user a private group, and write permission for it to all new files. A group
    without members is not accepted, because programs may run with it.
    """
    import grp
    import pwd

    try:
        names = grp.getgrgid(group).gr_mem
        members = {pwd.getpwnam(name).pw_uid for name in names}
    except KeyError:  # the group, or a member of it, is unknown
        return False
    members |= {entry.pw_uid for entry in pwd.getpwall() if entry.pw_gid == group}
    return bool(members) and members <= {user, ROOT_USER}

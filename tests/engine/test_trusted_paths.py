"""Paths that another user could change are not trusted. Real files, modes and owners."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from ecgdigit_engine import trusted_paths
from ecgdigit_engine.trusted_paths import is_inside, untrusted_reason

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
needs_root = pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root changes owners")
NOBODY = 65534


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a trusted file in two nested folders."""
    path = tmp_path / "outer" / "inner" / "file"
    path.parent.mkdir(parents=True, mode=0o755)
    path.touch(mode=0o644)
    return path


def test_files_of_the_user_are_trusted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert untrusted_reason(file) == ""
    assert untrusted_reason(file.parent / ".." / "inner" / "file") == ""
    monkeypatch.chdir(file.parent)
    assert untrusted_reason(Path("file")) == ""


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_write_permission_for_all_users_at_any_level(file: Path, levels: int) -> None:
    part = [file, *file.parents][levels]
    part.chmod(0o777)
    assert untrusted_reason(file) == f"{part} is writable by all users"
    part.chmod(0o1777)
    assert bool(untrusted_reason(file)) == (levels == 0), "sticky folders protect the files of others"


@needs_root
@pytest.mark.parametrize("levels", [0, 1, 2])
def test_another_owner_at_any_level(file: Path, levels: int) -> None:
    part = [file, *file.parents][levels]
    os.chown(part, NOBODY, 0)
    assert untrusted_reason(file) == f"{part} belongs to another user ({NOBODY})"


def test_write_permission_for_a_group(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The private group of a user is accepted, as it exists on Debian and Fedora for every user."""
    file.chmod(0o664)
    user = SimpleNamespace(pw_uid=os.geteuid(), pw_gid=file.stat().st_gid)
    other = SimpleNamespace(pw_uid=NOBODY, pw_gid=file.stat().st_gid)
    monkeypatch.setattr(grp, "getgrgid", lambda _: SimpleNamespace(gr_mem=[]))
    for users, is_trusted in (([user], True), ([user, other], False), ([], False)):
        trusted_paths._has_no_other_members.cache_clear()
        monkeypatch.setattr(pwd, "getpwall", lambda users=users: users)
        assert untrusted_reason(file) == ("" if is_trusted else f"{file} is writable by its group")
    trusted_paths._has_no_other_members.cache_clear()


def test_links_are_followed_and_their_folders_checked(file: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    link, outside = shared / "link", tmp_path / "outside"
    link.symlink_to(os.path.relpath(file.parent, shared))
    outside.symlink_to(link)
    assert untrusted_reason(outside / "file") == ""
    shared.chmod(0o777)  # whoever may write here can replace the link
    assert untrusted_reason(outside / "file") == f"{shared} is writable by all users"
    shared.chmod(0o755)
    file.parent.chmod(0o777)
    assert untrusted_reason(outside / "file") == f"{file.parent} is writable by all users"


@needs_root
def test_a_link_of_another_user(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    os.lchown(link, NOBODY, 0)
    assert untrusted_reason(link) == f"{link} belongs to another user ({NOBODY})"


def test_endless_links(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert "cannot be checked" in untrusted_reason(tmp_path / "a")


def test_a_missing_file_is_trusted_if_its_folders_are(file: Path) -> None:
    missing = file.with_name("missing")
    assert untrusted_reason(missing / "deeper") == ""
    file.parent.chmod(0o777)
    assert untrusted_reason(missing)


@pytest.mark.parametrize("name", ["../file", "/etc/passwd", "..", "link", "deep/../../file"])
def test_paths_outside_a_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (tmp_path / "file").touch()
    (folder / "link").symlink_to(tmp_path / "file")
    assert not is_inside(folder / name, folder)
    assert is_inside(folder / "deep" / ".." / "x", folder)

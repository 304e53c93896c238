"""The check that only this user can have written files that are loaded as machine code.

- The cache folder and each file in it belong to this user, and nobody else can write to them.
- Each parent folder belongs to this user or to root. Nobody else can write to it, unless its
  sticky bit keeps others from replacing files that are not theirs. Links are resolved first,
  and their targets are checked and used.
- Each file has an HMAC-SHA256 (RFC 2104) of its name and content, under a key of mode 0600 that
  is stored outside the cache. So a file that somebody else made is never accepted, even if it
  has the right owner and mode, for example because it was unpacked from an archive.

On Windows, access lists protect a profile from other users, so there only the HMAC is checked.
"""

from __future__ import annotations

import contextlib
import errno
import hmac
import os
import secrets
import stat
import tempfile
from functools import lru_cache
from pathlib import Path

from nodeflow.atomic_write import opened
from nodeflow.paths import kernel_key_file

_KEY_BYTES = 32
_READ = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # opening a pipe would wait for somebody who writes
    | getattr(os, "O_BINARY", 0)
)
_POSIX = os.name == "posix"


class Untrusted(Exception):
    """An error: somebody else may have made a file or folder. The text says why."""


def own_folder(folder: Path) -> Path:
    """Create the folder if necessary, remove access for others, and return its real path.

    Raises:
        Untrusted: it belongs to somebody else, or others can replace it.
        OSError: it cannot be created.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not _POSIX:
        return folder
    real = _real(folder)
    status = real.lstat()
    if status.st_uid != os.getuid():
        raise Untrusted("it belongs to another user")
    if status.st_mode & 0o077:
        real.chmod(0o700)
    return real


@lru_cache(maxsize=8)
def _real(folder: Path) -> Path:
    """Return a folder's real path, cached for the process.

    Raises:
        Untrusted: others can replace the folder.
    """
    real = Path(os.path.realpath(folder))
    for parent in real.parents:
        _check(parent)
    return real


def _check(folder: Path) -> None:
    """Raise Untrusted if others can replace this user's files in a folder."""
    status = folder.lstat()
    if status.st_uid not in (0, os.getuid()):
        raise Untrusted(f"{folder} belongs to another user")
    if _others_write(status) and not status.st_mode & stat.S_ISVTX:
        raise Untrusted(f"others can write to {folder}")


def _others_write(status: os.stat_result) -> bool:
    if status.st_mode & stat.S_IWOTH:
        return True
    return bool(status.st_mode & stat.S_IWGRP) and not _group_of_one(status.st_gid)


@lru_cache(maxsize=8)
def _group_of_one(group: int) -> bool:
    """Return whether this user is the only member of a Unix group.

    Many systems make a group for each user.
    """
    import grp
    import pwd

    try:
        user, entry = pwd.getpwuid(os.getuid()), grp.getgrgid(group)
    except KeyError:
        return False
    alone = entry.gr_name == user.pw_name and user.pw_gid == group
    return alone and set(entry.gr_mem) <= {user.pw_name}


def read_own(path: Path, *, secret: bool = False) -> bytes:
    """Return the content of a regular file of this user that nobody else can write.

    With ``secret``, the file must not be readable by others either.

    Raises:
        Untrusted: it is a link, not a regular file, somebody else's, or accessible to others.
        OSError: it is missing or cannot be read.
    """
    try:
        handle = os.open(path, _READ)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Untrusted("a symbolic link") from None
        raise
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise Untrusted("no regular file")
        if _POSIX and status.st_uid != os.getuid():
            raise Untrusted("of another user")
        if _POSIX and status.st_mode & (0o077 if secret else 0o022):
            raise Untrusted("open to others")
        with open(handle, "rb", buffering=0, closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)


# ---- the key ------------------------------------------------------------------------------------


def sealed(name: str, content: bytes) -> bytes:
    """Return the content to store in a file of this name: a line with its HMAC, then ``content``.

    Raises:
        Untrusted, OSError: there is no key, and none can be made.
    """
    return _code(name, content) + b"\n" + content


def unsealed(name: str, data: bytes) -> bytes:
    """Return the content of a file that `sealed` made, after checking its HMAC.

    Raises:
        Untrusted: this user's key did not sign it under this name.
        OSError: there is no key, and none can be made.
    """
    code, _, content = data.partition(b"\n")
    if not hmac.compare_digest(code, _code(name, content)):
        raise Untrusted("damaged, or not sealed with this user's key")
    return content


def _code(name: str, content: bytes) -> bytes:
    text = name.encode() + b"\n" + content
    return hmac.digest(signing_key(), text, "sha256").hex().encode()


@lru_cache(maxsize=1)
def signing_key() -> bytes:
    """Return this user's key, which is read once per process.

    A new key is made if there is none, or if others may know it.

    Raises:
        Untrusted: the file is not a key, or others can replace it.
        OSError: there is no key and it cannot be written.
    """
    path = kernel_key_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if _POSIX:
        folder = _real(path.parent)
        _check(folder)
        path = folder / path.name
    for _ in range(3):  # another process may make one at the same moment
        key = _key_in(path)
        if key is not None:
            return key
        _make_key(path)
    raise Untrusted(f"{path} does not stay as it was written")


def _key_in(path: Path) -> bytes | None:
    """Read a secret key from its file. Return None if there is no file, or if the key is incomplete
    or others can read it; then delete the file.
    """
    try:
        key = read_own(path, secret=True)
        if len(key) == _KEY_BYTES:
            return key
    except FileNotFoundError:
        return None
    except Untrusted:
        pass
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > _KEY_BYTES:
        raise Untrusted(f"{path} is no key")
    path.unlink(missing_ok=True)
    return None


def _make_key(path: Path) -> None:
    """Write a new secret key to a path. Keep the key of another process that has written one in the
    meantime.
    """
    handle, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)  # of mode 0600
    try:
        with opened(handle) as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(handle)
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)

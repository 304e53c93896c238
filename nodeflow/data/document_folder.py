"""The files that a document may read: the files of its folder, and files that its user allowed.

A document may come from an untrusted sender, and the files that it names are read when it is
opened. So a path out of the document's folder is not touched in any way before the user agrees:
even looking up a path on another computer can send the user's credentials there.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from nodeflow.data.errors import OutsideData
from nodeflow.errors import SurfaceText
from nodeflow.paths import DATA_VARIABLE, cache_folder, folder_named_by
from nodeflow.resources import resource_folders

MOST_LINKS = 40
"""The number of symbolic links that systems follow in one path."""


@dataclass(frozen=True)
class DocumentFolder(os.PathLike[str]):
    """The folder where a document's relative paths start, and the files outside that it may read.

    Attributes:
        path: the folder; empty for a document without a file, which needs consent for everything.
        allowed: files and folders that the user allowed, as `allowance` returns them.
    """

    path: str = ""
    allowed: tuple[str, ...] = ()

    def __fspath__(self) -> str:
        return self.path

    def __str__(self) -> str:
        return self.path

    def place(self, written: str) -> str:
        """Return the absolute path for a path in a document, without accessing the file."""
        local = local_path(written)
        return local if is_remote(local) else os.path.join(os.getcwd(), self.path, local)

    def allowing(self, *places: str) -> DocumentFolder:
        """Return the same folder with more files and folders allowed."""
        more = (path for place in places for path in allowance(place))
        return DocumentFolder(self.path, tuple(dict.fromkeys((*self.allowed, *more))))

    def may_read(self, place: str) -> bool:
        """Return whether the document may read a file or folder. Access only permitted paths for
        this.
        """
        return may_read(self.path, place, self.allowed)

    def leaves(self, place: str) -> str | None:
        """Return the path where a path's links lead out of the allowed folders; None if they do
        not.
        """
        return _way_out(place, _roots(self.path, self.allowed))

    def check(self, place: str) -> None:
        """Raise an error if the document may not read a file or folder.

        Raises:
            OutsideData: the document may not read it. The message names its path.
        """
        if not self.may_read(place):
            raise self.refusal(place)

    def refusal(self, place: str, kind: str = "file", port: str = "source") -> OutsideData:
        """Return the error for a document that may not read a file or folder (``kind``).

        Args:
            port: the origin of the path: an attribute of a node, or a field of the document.
        """
        place = self.leaves(place) or place
        if is_remote(place):
            where = f"this {kind} is on another computer, which would learn who you are"
        else:
            where = f"this {kind} is outside the document's folder"
        if not self.path:
            where = f"this {kind} is named by a document that has no folder yet"
        shown = shown_path(place)
        hint = SurfaceText(
            f"Pass allow_data=[{place!r}] to nf.load if you trust the document.",
            cli=f"Add --allow-data {_quoted(place)} if you trust the document.",
            window="Allow reading it if you trust the document.",
        )
        return OutsideData(f"{where}: {shown}", port=port, hint=hint)


def may_read(folder: str, place: str, consents: Iterable[str]) -> bool:
    """Return whether a document may read a file or folder. Only this function decides.

    It may if the path leads, through all its links, into the document's folder, into a folder where
    nodeflow keeps data, or to a place that the user allowed. Nothing else on the disk is touched.

    Args:
        folder: the document's folder; empty if it has none.
        place: the path in the form of the system.
        consents: places that the user allowed, as `allowance` returns them.
    """
    return _way_out(place, _roots(folder, consents)) is None


def _roots(folder: str, consents: Iterable[str]) -> tuple[str, ...]:
    """Return the files and folders that a document may read."""
    own = allowance(folder) if folder else ()
    roots = (_plain(root) for root in (*own, *consents, *_data_folders()))
    return tuple(dict.fromkeys(roots))


def allowance(place: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the paths that consent to a path allows: the path itself, and its current target."""
    written = local_path(os.fspath(place))
    written = written if is_remote(written) else os.path.abspath(written)
    try:
        return tuple(dict.fromkeys((written, os.path.realpath(written))))
    except ValueError:  # not a valid path
        return (written,)


def local_path(written: str) -> str:
    """Return a path in the form of the system, with ``~`` and ``file:`` resolved.

    >>> local_path("file:///data/a%20b.csv"), local_path("file://host/x.csv")
    ('/data/a b.csv', '//host/x.csv')
    """
    if written[:5].lower() == "file:":
        written = unquote(written[5:])
        for local in ("//localhost/", "///"):
            if written.startswith(local):
                written = "/" + written.removeprefix(local)
        if os.name == "nt" and written[:1] == "/" and written[2:3] == ":":
            written = written[1:]  # file:///C:/x
    return os.path.expanduser(written)


def is_remote(place: str) -> bool:
    r"""Return whether a path names another computer: ``\\host\share`` or ``//host/share``."""
    return len(place) > 1 and place[0] in "/\\" and place[1] in "/\\"


def shown_path(place: str) -> str:
    r"""Return a path for users to judge, with invisible characters written out.

    >>> shown_path("/a" + chr(0x202E) + "vsc.txt")
    '/a\\u202evsc.txt'
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in place
    )


def _quoted(place: str) -> str:
    return f'"{place}"' if os.name == "nt" else shlex.quote(place)


def _data_folders() -> Iterator[str]:
    """Yield nodeflow's data folders: bundled data, downloads, and the user's copy of data sets."""
    folders = [*resource_folders(), cache_folder(), folder_named_by(DATA_VARIABLE)]
    for folder in folders:
        if folder is not None:
            yield from _known(str(folder))


@lru_cache(maxsize=16)
def _known(folder: str) -> tuple[str, ...]:
    return allowance(folder)


def _plain(place: str) -> str:
    return os.path.normcase(os.path.normpath(place))


def _way_out(place: str, roots: tuple[str, ...]) -> str | None:
    """Return the path where a path leaves the allowed roots, or None if it stays inside.

    The path is followed link by link, as the system does. Links are read only in the roots and in
    the folders above them.
    """
    links = 0
    current, rest = _split(place if is_remote(place) else os.path.join(os.getcwd(), place))
    while rest and _is_in_sight(current, roots):
        name = rest.pop()
        if name in ("", os.curdir):
            continue
        if name == os.pardir:
            current = os.path.dirname(current)
            continue
        step = os.path.join(current, name)
        target = _link(step) if _is_in_sight(step, roots) else None
        links += target is not None
        if links > MOST_LINKS:
            return step
        if target is None:
            current = step
        else:
            current, more = _split(os.path.join(current, target))
            rest += more
    if not rest and _is_within(current, roots):
        return None
    return current if is_remote(current) else os.path.normpath(os.path.join(current, *rest[::-1]))


def _link(place: str) -> str | None:
    """Return the target of a link, or None if it is not a link, or cannot be opened."""
    try:
        target = os.readlink(place)
    except (OSError, ValueError):
        return None
    long = target.startswith("\\\\?\\") and target[5:6] == ":"  # an absolute path on Windows
    return target[4:] if long else target


def _split(place: str) -> tuple[str, list[str]]:
    """Return the root of a path, and its steps from the last to the first."""
    if is_remote(place) and os.name != "nt":
        return place, []  # a name of another computer, even if this system reads it otherwise
    drive, path = os.path.splitdrive(place)
    steps = path.replace(os.altsep, os.sep).split(os.sep) if os.altsep else path.split(os.sep)
    return drive + os.sep, steps[::-1]


def _is_within(place: str, roots: tuple[str, ...]) -> bool:
    place = _plain(place)
    return any(place == root or place.startswith(root.rstrip(os.sep) + os.sep) for root in roots)


def _is_in_sight(place: str, roots: tuple[str, ...]) -> bool:
    """Return whether a path may be accessed: it is in an allowed root, or above one."""
    above = _plain(place).rstrip(os.sep) + os.sep
    return _is_within(place, roots) or any(root.startswith(above) for root in roots)

"""Which files a document may read: those of its folder, and those that its user said yes to.

A file may come from anywhere, and what it names is read when it is opened. So a path that leads out
of the document's folder is not touched, not even looked at, before the user agreed: on another
computer, looking is enough to send one's credentials there.
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
"""As many symbolic links as systems follow in one path."""


@dataclass(frozen=True)
class DocumentFolder(os.PathLike[str]):
    """Where the relative paths of a document start, and what it may read elsewhere.

    Attributes:
        path: the folder; empty for a document that has no file yet, which may read nothing without
            a yes.
        allowed: files and folders that the user said yes to, as `allowance` gives them.
    """

    path: str = ""
    allowed: tuple[str, ...] = ()

    def __fspath__(self) -> str:
        return self.path

    def __str__(self) -> str:
        return self.path

    def place(self, written: str) -> str:
        """The whole path of what a document writes, from its folder; nothing is touched."""
        local = local_path(written)
        return local if is_remote(local) else os.path.join(os.getcwd(), self.path, local)

    def allowing(self, *places: str) -> DocumentFolder:
        """The same folder, of a document whose user said yes to more."""
        more = (path for place in places for path in allowance(place))
        return DocumentFolder(self.path, tuple(dict.fromkeys((*self.allowed, *more))))

    def may_read(self, place: str) -> bool:
        """Whether the document may read a file or folder; only what it may read is touched."""
        return may_read(self.path, place, self.allowed)

    def leaves(self, place: str) -> str | None:
        """Where a path leads out of what the document may read, a link's end; None if nowhere."""
        return _way_out(place, _roots(self.path, self.allowed))

    def check(self, place: str) -> None:
        """Refuse a file or folder that the document may not read.

        Raises:
            OutsideData: it may not; the message names where it is.
        """
        if not self.may_read(place):
            raise self.refusal(place)

    def refusal(self, place: str, kind: str = "file", port: str = "source") -> OutsideData:
        """The error of a document that may not read a file or folder (``kind``).

        Args:
            port: what names it: an attribute of a node, or the document's field.
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
    """Whether a document may read a file or folder: the one function that decides.

    It may if the path leads, through all its links, into the document's folder, into one where
    nodeflow keeps data, or to what the user said yes to. Nothing else on the disk is touched.

    Args:
        folder: the document's; empty if it has none.
        place: its path, as the system takes it.
        consents: what the user said yes to, as `allowance` gives it.
    """
    return _way_out(place, _roots(folder, consents)) is None


def _roots(folder: str, consents: Iterable[str]) -> tuple[str, ...]:
    """The files and folders that a document may read."""
    own = allowance(folder) if folder else ()
    roots = (_plain(root) for root in (*own, *consents, *_data_folders()))
    return tuple(dict.fromkeys(roots))


def allowance(place: str | os.PathLike[str]) -> tuple[str, ...]:
    """What a yes to a file or folder allows: the path as it is written, and where it leads now."""
    written = local_path(os.fspath(place))
    written = written if is_remote(written) else os.path.abspath(written)
    try:
        return tuple(dict.fromkeys((written, os.path.realpath(written))))
    except ValueError:  # no path that a system takes
        return (written,)


def local_path(written: str) -> str:
    """A path as the system takes it: ``~`` and ``file:`` are resolved.

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
    r"""Whether a path names another computer: ``\\host\share`` or ``//host/share``."""
    return len(place) > 1 and place[0] in "/\\" and place[1] in "/\\"


def shown_path(place: str) -> str:
    """A path to be judged by people: what they would not see is written out.

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
    """Where nodeflow keeps data: its own, what it downloaded, and the user's copy of that."""
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
    """Where a path leads out of the roots, as the system follows it, link by link; None: it stays.

    Links are read only in the roots and in the folders above them.
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
    """Where a link leads; None if it is no link, or nothing that can be opened."""
    try:
        target = os.readlink(place)
    except (OSError, ValueError):
        return None
    long = target.startswith("\\\\?\\") and target[5:6] == ":"  # how Windows writes whole paths
    return target[4:] if long else target


def _split(place: str) -> tuple[str, list[str]]:
    """The root of a path, and its steps from the last to the first."""
    if is_remote(place) and os.name != "nt":
        return place, []  # a name of another computer, whatever this system makes of it
    drive, path = os.path.splitdrive(place)
    steps = path.replace(os.altsep, os.sep).split(os.sep) if os.altsep else path.split(os.sep)
    return drive + os.sep, steps[::-1]


def _is_within(place: str, roots: tuple[str, ...]) -> bool:
    place = _plain(place)
    return any(place == root or place.startswith(root.rstrip(os.sep) + os.sep) for root in roots)


def _is_in_sight(place: str, roots: tuple[str, ...]) -> bool:
    """Whether a step of a path may be touched: in a root, or on the way to one."""
    above = _plain(place).rstrip(os.sep) + os.sep
    return _is_within(place, roots) or any(root.startswith(above) for root in roots)

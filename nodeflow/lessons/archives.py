"""Courses in a zip, unpacked into the cache with limits, because the zip may come from anyone.

Only the files of a lesson are taken: graphs, texts, data and pictures. A name that leads out of the
folder, a link, or too much content refuses the whole zip.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from nodeflow.errors import FileProblem
from nodeflow.paths import courses_folder

ENDING = ".zip"
TAKEN = (".flow", ".json", ".csv", ".tsv", ".txt", ".npy", ".npz", ".png", ".jpg", ".jpeg",
         ".safetensors", ".gz")  # fmt: skip
"""Endings of the files that are unpacked."""
MOST_FILES = 2000
LARGEST = 200 * 2**20
"""Bytes of all unpacked files."""
CHUNK = 1 << 20
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{n}{i}" for n in ("com", "lpt") for i in range(1, 10)))
)
"""Names that are no files on Windows, whatever their ending."""


def unpacked(path: Path) -> Path:
    """Return the folder with the files of a zip, unpacked when it is new or has changed.

    Raises:
        FileProblem: it cannot be read or written, is no zip, or is not safe to unpack.
    """
    try:
        about = path.stat()
    except OSError as error:
        raise FileProblem(f"cannot read {path.name}: {error.strerror}") from None
    if not stat.S_ISREG(about.st_mode):
        raise FileProblem(f"{path.name} is not a file")
    own = courses_folder() / hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:16]
    folder = own / f"{about.st_mtime_ns}-{about.st_size}"
    if not folder.is_dir():
        _unpack(path, folder)
    return folder


def _unpack(path: Path, folder: Path) -> None:
    own = folder.parent
    try:
        own.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=own))
    except OSError as error:
        raise FileProblem(
            f"{path.name} cannot be unpacked into {own}: {error.strerror}",
            hint="Unpack it yourself and open the folder.",
        ) from None
    try:
        _extract(path, new)
        for other in own.iterdir():  # earlier states of the zip
            if other != new:
                shutil.rmtree(other, ignore_errors=True)
        with contextlib.suppress(FileExistsError):  # another window was faster
            new.rename(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise FileProblem(f"{path.name} is damaged or no zip: {error}") from None
    except OSError as error:
        raise FileProblem(f"{path.name} cannot be unpacked: {error.strerror or error}") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _extract(path: Path, folder: Path) -> None:
    left = LARGEST
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_FILES:
            raise FileProblem(f"{path.name} has more than {MOST_FILES} files")
        for entry in entries:
            place = _safe_place(path, entry)
            if entry.is_dir() or place.suffix.lower() not in TAKEN or place.parts[0] == "__MACOSX":
                continue
            target = folder.joinpath(*place.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            # the sizes that a zip states may be wrong, so the unpacked bytes are counted
            with archive.open(entry) as source, target.open("xb") as out:
                while chunk := source.read(min(CHUNK, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        raise FileProblem(
                            f"{path.name} holds more than {LARGEST >> 20} MB",
                            hint="Take large data out of the zip, or give the course as a folder.",
                        )
                    out.write(chunk)


def _safe_place(path: Path, entry: zipfile.ZipInfo) -> PurePosixPath:
    """Return the relative path of a zip entry inside the folder that the zip is unpacked to.

    Raises:
        FileProblem: the entry is a link, is outside the folder, or has a name that some systems
            reject.
    """
    name = entry.filename
    place = PurePosixPath(name)
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    strange = any(ord(c) < 32 or c in '\\:*?"<>|' for c in name)
    leads_out = place.is_absolute() or ".." in place.parts or not place.parts
    is_device = any(part.partition(".")[0].casefold() in _DEVICES for part in place.parts)
    if is_link or strange or leads_out or is_device:
        raise FileProblem(
            f"{path.name} holds {name!r}, which is not safe to unpack",
            hint="Make the zip again from the folder of the course.",
        )
    return place

"""The notices of the bundle: one text with the licences of everything that the bundle carries.

Each file of the bundle has an owner: nodeflow, Python, a distribution, or a package of the Debian
system that built the bundle. The texts come from the installed owners. `MISSING` names the files in
``licences/`` that stand in for texts which a wheel lacks.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

from nodeflow.resources import own_notices

ROOT = Path(__file__).resolve().parents[1]
LICENCES = Path(__file__).resolve().parent / "licences"
LGPL = ("PySide6.txt", "LGPL-3.0.txt", "GPL-3.0.txt")
MISSING = {
    "pyside6-essentials": LGPL,
    "shiboken6": LGPL,
    "latex2mathml": ("latex2mathml.txt",),
}
IS_LICENCE = re.compile(r"(licen[cs]e|copying|notice)[^/]*$", re.IGNORECASE)
NO_TEXTS = (".py", ".pyc", ".so", ".h", ".cmake", ".html", ".svg")
RULE = "=" * 80


def notices(files: Iterable[Path]) -> str:
    """Return the notices of a bundle with these files.

    Raises:
        LookupError: a file has no owner, or an owner has no licence text.
    """
    found = {path.resolve() for path in files}
    # the program that loads Python is part of each bundle
    owners = {("pyinstaller", _version_of("pyinstaller")): _texts_of("pyinstaller")}
    system: dict[str, Path] = {}
    for path in sorted(found):
        if path.is_relative_to(ROOT) and not _is_installed(path):
            continue
        name = _distributions_by_file().get(path)
        if name is not None:
            owners.setdefault((name, _version_of(name)), _texts_of(name))
        elif _is_python(path):
            owners.setdefault(("Python", sysconfig.get_python_version()), python_texts())
        else:
            system.setdefault(debian_package(path), path)
    for package in system:
        owners[package, "from Debian"] = [_debian_copyright(package)]
    parts = [nodeflow_notices()]
    for (name, version), texts in sorted(owners.items(), key=lambda pair: pair[0][0].lower()):
        parts += [_title(f"{name} {version}"), *texts]
    for font in sorted(path for path in found if path.suffix in (".ttf", ".otf")):
        if not font.is_relative_to(ROOT) or _is_installed(font):
            parts += [_title(f"The font {font.name}"), font_notice(font)]
    for path in _named_licences("\n".join(parts)):
        parts += [_title(f"{path.name}, which others name"), path.read_text(encoding="utf-8")]
    return "\n".join(parts)


def nodeflow_notices() -> str:
    """Return nodeflow's own licence, and origin and licences of its fonts, icons and samples."""
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    return f"{_title('nodeflow')}\n{licence}\n{own_notices()}"


def distribution_texts(distribution: Distribution) -> list[str]:
    """Return the licence texts of an installed distribution.

    Raises:
        LookupError: it has none, neither of its own nor in ``licences/``.
    """
    name = distribution.metadata["Name"]
    key = re.sub(r"[-_.]+", "-", name).lower()
    paths = [LICENCES / text for text in MISSING.get(key, ())]
    own = [file for file in distribution.files or () if IS_LICENCE.search(str(file))]
    paths += [Path(str(file.locate())) for file in own if file.suffix not in NO_TEXTS]
    if not paths:
        raise LookupError(
            f"{name} has no licence text; put one into {LICENCES.name}/ and name it in MISSING"
        )
    return [path.read_text(encoding="utf-8", errors="replace") for path in paths]


def python_texts() -> list[str]:
    """Return Python's licence, from Python's own folder or from its Debian package."""
    library = Path(sysconfig.get_path("stdlib"))
    for path in (library / "LICENSE.txt", Path(sys.base_prefix, "LICENSE.txt")):
        if path.is_file():
            return [path.read_text(encoding="utf-8")]
    return [_debian_copyright(debian_package(library / "os.py"))]


def font_notice(path: Path) -> str:
    """Return copyright, licence and its address from the table of names in a font file."""
    data = path.read_bytes()
    tables = struct.unpack(">H", data[4:6])[0]
    for start in range(12, 12 + 16 * tables, 16):
        tag, _, offset, _ = struct.unpack(">4sIII", data[start : start + 16])
        if tag == b"name":
            break
    else:
        raise LookupError(f"the font {path.name} has no table of names")
    _, entries, strings = struct.unpack(">HHH", data[offset : offset + 6])
    found: dict[int, str] = {}
    for index in range(entries):
        start = offset + 6 + 12 * index
        platform, _, _, kind, length, at = struct.unpack(">6H", data[start : start + 12])
        if platform == 3 and kind in (0, 13, 14):
            text = data[offset + strings + at :][:length].decode("utf-16-be")
            found.setdefault(kind, text)
    if 13 not in found and 14 not in found:
        raise LookupError(f"the font {path.name} names no licence")
    return "\n\n".join(found[kind] for kind in sorted(found))


def debian_package(path: Path) -> str:
    """Return the Debian package that installed a file.

    Raises:
        LookupError: no package did.
    """
    text = str(path)
    # packages name files by /lib or by /usr/lib, which are one folder
    names = (text, text.removeprefix("/usr"), f"/usr{text}")
    for name in names if shutil.which("dpkg") else ():
        done = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return re.split(r"[:,]", done.stdout)[0]
    raise LookupError(f"{path} belongs to no distribution and no package, so it has no licence")


def _debian_copyright(package: str) -> str:
    path = Path("/usr/share/doc", package, "copyright")
    if not path.is_file():
        raise LookupError(f"the Debian package {package} has no licence text: {path} is missing")
    return path.read_text(encoding="utf-8", errors="replace")


def _named_licences(text: str) -> list[Path]:
    """Return the licence texts that Debian's copyright files only name by their paths."""
    names = re.findall(r"/usr/share/common-licenses/([\w.-]*\w)", text)
    paths = {Path("/usr/share/common-licenses", name).resolve() for name in names}
    return sorted(path for path in paths if path.is_file())


def _title(text: str) -> str:
    return f"\n{RULE}\n{text}\n{RULE}\n"


def _is_installed(path: Path) -> bool:
    """Return whether a file belongs to an environment, which may be inside the checkout."""
    return "site-packages" in path.parts


def _is_python(path: Path) -> bool:
    places = ("stdlib", "platstdlib")
    folders = [Path(sysconfig.get_path(place)).resolve() for place in places]
    if sys.base_prefix not in ("/usr", "/usr/local"):  # a folder of its own, with its libraries
        folders.append(Path(sys.base_prefix).resolve())
    inside = any(path.is_relative_to(folder) for folder in folders)
    return (inside and not _is_installed(path)) or path.name.startswith("libpython3")


def _version_of(name: str) -> str:
    return Distribution.from_name(name).version


@cache
def _texts_of(name: str) -> list[str]:
    return distribution_texts(Distribution.from_name(name))


@cache
def _distributions_by_file() -> dict[Path, str]:
    return {
        Path(str(file.locate())).resolve(): one.metadata["Name"]
        for one in distributions()
        for file in one.files or ()
    }

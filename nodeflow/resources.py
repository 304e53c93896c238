"""The places of bundled files: icons, fonts, sample data and examples.

In a checkout, they are in the top-level folders ``resources/`` and ``examples/``; the wheel maps
these to ``nodeflow/_resources`` and ``nodeflow/_examples``. Only this module knows that.
"""

from __future__ import annotations

import os
from pathlib import Path

from nodeflow.errors import FileProblem, suggest

_PACKAGE = Path(__file__).resolve().parent


class MissingResource(FileProblem):
    """A bundled file is missing: a wrong name, or a damaged installation.

    Remedy: Correct the name, or install nodeflow again.
    """


def _root(name: str) -> Path:
    bundled = _PACKAGE / f"_{name}"
    return bundled if bundled.is_dir() else _PACKAGE.parent / name


def _find(folder: str, name: str) -> Path:
    root = _root(folder)
    inside = Path(os.path.normpath(root / name))
    if inside.is_relative_to(root):  # names outside the folder are not touched
        path = inside.resolve()
        if path.is_relative_to(root.resolve()) and path.exists():
            return path
    else:
        inside = root
    nearby = inside.parent if inside.parent.is_dir() else root
    near = sorted(nearby.iterdir()) if nearby.is_relative_to(root) else ()
    names = [path.relative_to(root).as_posix() for path in near]
    raise MissingResource(
        f"no bundled file {name!r} in {root}",
        hint=suggest(name, names) or "Install nodeflow again if the name is right.",
    )


def resource_folders() -> tuple[Path, Path]:
    """Return the folders of bundled resources and examples."""
    return _root("resources"), _root("examples")


def resource(name: str) -> Path:
    """Return the path of a bundled resource, a file or a folder, such as ``icons/play.svg``.

    Raises:
        MissingResource: nothing of that name is bundled.
    """
    return _find("resources", name)


def example(name: str) -> Path:
    """Return the path of a bundled example, with or without ``.flow``.

    Raises:
        MissingResource: no example has that name.
    """
    return _find("examples", name if Path(name).suffix else f"{name}.flow")


def examples() -> list[Path]:
    """Return the paths of all bundled examples, sorted by name."""
    return sorted(_root("examples").resolve().glob("*.flow"))


def notices() -> str:
    """Return the copyright notices and licences as text. An installed bundle has a file with the
    notices of all its parts; otherwise return nodeflow's own.
    """
    bundle = _root("resources") / "NOTICES.txt"
    return bundle.read_text(encoding="utf-8") if bundle.is_file() else own_notices()


def own_notices() -> str:
    """Return origin and licences of the bundled fonts, icons and samples."""
    parts = []
    for folder in sorted(path for path in _root("resources").iterdir() if path.is_dir()):
        for path in [*folder.glob("README.md"), *sorted(folder.glob("*LICENSE*"))]:
            parts += [f"{folder.name}: {path.name}\n", path.read_text(encoding="utf-8")]
    return "\n".join(parts)

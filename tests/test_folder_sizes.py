"""Folders are small: a reader who looks for a module reads a short list of names."""

from __future__ import annotations

from pathlib import Path

import nodeflow

MOST = 20
"""The modules that a folder may have directly in it, without its ``__init__.py``."""

PACKAGE = Path(nodeflow.__file__).parent


def crowded(package: Path, apart: str) -> dict[str, int]:
    """Return the number of modules of each folder with too many, leaving out a subfolder."""
    counts: dict[str, int] = {}
    for module in package.rglob("*.py"):
        folder = module.parent.relative_to(package)
        if module.name != "__init__.py" and folder.parts[:1] != (apart,):
            counts[folder.as_posix()] = counts.get(folder.as_posix(), 0) + 1
    return {folder: count for folder, count in counts.items() if count > MOST}


def test_no_folder_outside_the_engine_has_too_many_modules():
    assert crowded(PACKAGE, apart="engine") == {}


def test_a_folder_with_one_module_too_many_is_found(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "engine").mkdir()
    for folder in ("full", "engine"):
        for number in range(MOST + 1):
            (tmp_path / folder / f"part{number}.py").touch()
    (tmp_path / "full" / "__init__.py").touch()
    assert crowded(tmp_path, apart="engine") == {"full": MOST + 1}

"""What developing installs is pinned by version and hash; what users install is not held back."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ENTRY = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^\s;\\]+)(?: ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")


@pytest.fixture(scope="module")
def lock(root: Path) -> dict[str, list[Version]]:
    """Versions by name; that each line is an entry or a hash of one is checked on the way."""
    found: dict[str, list[Version]] = {}
    hashes = 1
    for line in (root / "requirements-dev.lock").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        if HASH.fullmatch(line):
            hashes += 1
            continue
        entry = ENTRY.fullmatch(line)
        assert entry is not None, f"neither a version nor a hash: {line}"
        assert hashes, f"the entry before {line} has no hash"
        hashes = 0
        found.setdefault(canonicalize_name(entry["name"]), []).append(Version(entry["version"]))
    assert hashes
    return found


def requirements(root: Path) -> list[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"].values()
    listed = [*project["dependencies"], *(text for texts in optional for text in texts)]
    return [text for text in listed if not text.startswith("nodeflow-studio[")]


def test_the_lock_holds_every_dependency_at_a_version_that_is_allowed(root, lock) -> None:
    for text in requirements(root):
        wanted = Requirement(text)
        versions = lock.get(canonicalize_name(wanted.name))
        assert versions, f"requirements-dev.lock lacks {wanted.name}: run make lock"
        assert all(version in wanted.specifier for version in versions), f"{text}: run make lock"


def test_the_lock_names_no_place_to_download_from(root) -> None:
    assert "://" not in (root / "requirements-dev.lock").read_text(encoding="utf-8")


def test_the_constraints_name_the_versions_of_the_lock(root) -> None:
    text = (root / "requirements-dev.lock").read_text(encoding="utf-8")
    entries = [
        line for line in text.replace(" \\\n", "\n").splitlines() if ENTRY.match(f"{line} \\")
    ]
    constraints = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert entries and constraints[1:] == entries


def test_an_upper_bound_says_what_breaks(root) -> None:
    lines = (root / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    for text in requirements(root):
        if {part.operator for part in Requirement(text).specifier} <= {">=", ">", "!="}:
            continue
        (line,) = (line for line in lines if f'"{text}"' in line)
        assert "#" in line, f"{text}: a comment on its line says what breaks above"


def test_the_workflow_installs_the_lock_and_compares_it_with_known_weaknesses(root) -> None:
    workflow = (root / ".github/workflows/test.yml").read_text(encoding="utf-8")
    assert (
        "pip-audit --strict --disable-pip --require-hashes --requirement requirements-dev.lock"
        in workflow
    )
    commands = [workflow, (root / "tools/setup.sh").read_text(encoding="utf-8").replace("\\\n", "")]
    for text in commands:
        assert re.search(
            r"pip install .*--require-hashes\s+--requirement requirements-dev.lock", text
        )

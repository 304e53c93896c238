"""The release: notes of its version, and a workflow that calls what is here."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

CHANGES = """# Changelog

## 0.3.0 (unreleased)

- soon

## 0.2.0 (2026-11-01)

### Added
- one

## 0.1.0

- first
"""


@pytest.fixture
def release_notes(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "packaging"))
    return importlib.import_module("release_notes")


def test_notes_are_the_part_of_a_version(release_notes):
    assert release_notes.release_notes(CHANGES, "0.2.0") == "### Added\n- one\n"
    assert release_notes.release_notes(CHANGES, "0.1.0") == "- first\n"


@pytest.mark.parametrize(
    ("version", "message"), [("0.3.0", "marks 0.3.0 as unreleased"), ("9.0.0", "no part about")]
)
def test_a_version_without_notes_is_refused(release_notes, version, message):
    with pytest.raises(ValueError, match=message):
        release_notes.release_notes(CHANGES, version)


def test_tag_and_version_must_agree(release_notes, root, capsys):
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    version = tomllib.loads(text)["project"]["version"]
    assert release_notes.main("v99.0.0") == 1
    assert f"pyproject.toml has version {version}, the tag 99.0.0" in capsys.readouterr().err


def test_the_changelog_has_the_version_of_the_project(root):
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    version = tomllib.loads(text)["project"]["version"]
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(version)}\b", changelog, flags=re.MULTILINE)


def test_workflow_calls_files_and_targets_that_exist(root):
    text = (root / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    files = set(re.findall(r"packaging/\w+\.\w+", text))
    assert len(files) >= 4 and all((root / name).is_file() for name in files)
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"make (?:-C \S+ )?([a-z-]+)$", text, flags=re.MULTILINE))
    assert targets == {"bundle", "bundle-test"}
    assert all(re.search(rf"^{name}:", makefile, flags=re.MULTILINE) for name in targets)


def test_readme_offers_no_bundle_before_the_workflow_ran(root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    workflow = (root / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    if "Not run yet" in workflow:
        assert not re.search(r"bundle|AppImage|tar\.xz", readme)

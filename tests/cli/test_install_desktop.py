"""``nodeflow install-desktop`` writes files that a desktop accepts, and removes them."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nodeflow.cli.commands.information import install_desktop
from nodeflow.cli.commands.information.install_desktop import in_entry

ENTRY, TYPE = "applications/nodeflow.desktop", "mime/packages/nodeflow.xml"


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's data."""
    folder = tmp_path / "share of mine"
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    monkeypatch.setattr(sys, "platform", "linux")
    return folder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_files_go_into_the_folders_of_the_user_and_out_again(nodeflow, share):
    done = nodeflow("install-desktop")
    assert done.code == 0 and "--remove" in done.err
    assert {
        *(ENTRY, TYPE),
        "icons/hicolor/scalable/apps/nodeflow.svg",
        "icons/hicolor/256x256/apps/nodeflow.png",
    } <= files(share)
    other = share / "applications" / "other.desktop"
    other.touch()
    assert nodeflow("install-desktop", "--remove").code == 0
    left = {name for name in files(share) if "nodeflow" in name}
    assert left == set() and other.exists()
    assert nodeflow("install-desktop", "--remove").code == 0, "nothing is left to remove"


def test_entry_starts_this_installation_with_a_file(nodeflow, share):
    nodeflow("install-desktop")
    entry = configparser.RawConfigParser(strict=True)
    entry.optionxform = str  # type: ignore[assignment]
    entry.read(share / ENTRY, encoding="utf-8")
    *program, file = shlex.split(entry["Desktop Entry"]["Exec"])
    assert file == "%f" and program == install_desktop.command()
    help = subprocess.run([*program, "--help"], capture_output=True, text=True)
    assert help.returncode == 0 and "install-desktop" in help.stdout


def test_command_of_a_bundle_is_the_bundle(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert install_desktop.command() == [sys.executable]


@pytest.mark.parametrize("word", ["/opt/a b/nodeflow", "/a$b/c`d", '/a"b', "/a\\b", "/100%/x"])
def test_quoted_words_are_those_that_the_desktop_reads(word):
    value = re.sub(r"\\(.)", r"\1", in_entry(word))  # the escapes of a string
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value[1:-1])  # those of a quoted argument
    assert value.replace("%%", "%") == word


@pytest.mark.skipif(not shutil.which("desktop-file-validate"), reason="needs desktop-file-utils")
def test_the_desktop_accepts_the_entry(nodeflow, share):
    nodeflow("install-desktop")
    checked = subprocess.run(
        ["desktop-file-validate", share / ENTRY], capture_output=True, text=True
    )
    assert (checked.returncode, checked.stdout) == (0, "")
    assert "application/x-nodeflow=nodeflow.desktop" in (
        share / "applications" / "mimeinfo.cache"
    ).read_text(encoding="utf-8")


@pytest.mark.skipif(not shutil.which("update-mime-database"), reason="needs shared-mime-info")
def test_the_desktop_knows_flow_files(nodeflow, share):
    nodeflow("install-desktop")
    assert "application/x-nodeflow:*.flow" in (share / "mime" / "globs").read_text(encoding="utf-8")
    nodeflow("install-desktop", "--remove")
    globs = share / "mime" / "globs"
    assert not globs.exists() or "nodeflow" not in globs.read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_written_is_named(nodeflow, share):
    share.write_text("no folder", encoding="utf-8")
    done = nodeflow("install-desktop")
    assert done.code == 1 and str(share) in done.err and "Traceback" not in done.err


@pytest.mark.parametrize(("system", "word"), [("win32", "right-click"), ("darwin", "Finder")])
def test_other_systems_get_advice(nodeflow, share, monkeypatch, system, word):
    monkeypatch.setattr(sys, "platform", system)
    done = nodeflow("install-desktop")
    assert done.code == 1 and word in done.err and "for Linux desktops" in done.err
    assert not share.exists()

"""The cache folder follows each platform's custom."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nodeflow.data import mnist
from nodeflow.data.data_paths import cache_folder


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "platform, below_home",
    [
        ("linux", ".cache/nodeflow"),
        ("darwin", "Library/Caches/nodeflow"),
        ("win32", "AppData/Local/nodeflow/cache"),
    ],
)
def test_the_cache_folder_of_each_platform(home, monkeypatch, platform, below_home):
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder() == home / below_home
    assert mnist.cache() == home / below_home / "mnist"


def test_environment_variables_move_it(home, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(home / "local"))
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder() == home / "xdg" / "nodeflow"
    monkeypatch.setattr(sys, "platform", "win32")
    assert cache_folder() == home / "local" / "nodeflow" / "cache"


def test_a_relative_xdg_folder_is_ignored_as_its_standard_says(home, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == home / ".cache" / "nodeflow"

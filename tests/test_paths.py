"""The user's folders follow each platform's custom, and environment variables move them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nodeflow import paths
from nodeflow.data.sources import mnist
from nodeflow.engine.compiler import cache
from nodeflow.ops.user import plugin_folder

VARIABLES = (
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "APPDATA",
    "LOCALAPPDATA", "NODEFLOW_CACHE_DIR", "NODEFLOW_DATA_DIR", "NODEFLOW_PLUGINS",
)  # fmt: skip
SUPPORT = "Library/Application Support/nodeflow"
ROAMING, LOCAL = "AppData/Roaming/nodeflow", "AppData/Local/nodeflow"
EXPECTED = {
    "linux": {
        paths.config_folder: ".config/nodeflow",
        paths.data_folder: ".local/share/nodeflow",
        paths.state_folder: ".local/state/nodeflow",
        paths.cache_folder: ".cache/nodeflow",
        paths.kernel_folder: ".cache/nodeflow/kernels",
        paths.journal_folder: ".local/state/nodeflow/journals",
        paths.library_folder: ".local/share/nodeflow/library",
        paths.default_plugin_folder: ".local/share/nodeflow/plugins",
        paths.plugin_choice_file: ".config/nodeflow/plugin-folder.txt",
        plugin_folder: ".local/share/nodeflow/plugins",
        mnist.cache: ".cache/nodeflow/mnist",
    },
    "darwin": {
        paths.config_folder: SUPPORT,
        paths.data_folder: SUPPORT,
        paths.state_folder: SUPPORT,
        paths.cache_folder: "Library/Caches/nodeflow",
        paths.kernel_folder: "Library/Caches/nodeflow/kernels",
        paths.journal_folder: f"{SUPPORT}/journals",
        paths.library_folder: f"{SUPPORT}/library",
        paths.default_plugin_folder: f"{SUPPORT}/plugins",
        paths.plugin_choice_file: f"{SUPPORT}/plugin-folder.txt",
        mnist.cache: "Library/Caches/nodeflow/mnist",
    },
    "win32": {
        paths.config_folder: ROAMING,
        paths.data_folder: ROAMING,
        paths.state_folder: LOCAL,
        paths.cache_folder: f"{LOCAL}/cache",
        paths.kernel_folder: f"{LOCAL}/cache/kernels",
        paths.journal_folder: f"{LOCAL}/journals",
        paths.library_folder: f"{ROAMING}/library",
        paths.default_plugin_folder: f"{ROAMING}/plugins",
        paths.plugin_choice_file: f"{ROAMING}/plugin-folder.txt",
        mnist.cache: f"{LOCAL}/cache/mnist",
    },
}


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize("platform", EXPECTED)
def test_the_folders_of_each_platform(home, monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    for function, below_home in EXPECTED[platform].items():
        assert function() == home / below_home, function.__name__
    assert not list(home.iterdir())  # asking creates nothing


@pytest.mark.parametrize(
    "platform, variable, function, expected",
    [
        ("linux", "XDG_CONFIG_HOME", paths.config_folder, "moved/nodeflow"),
        ("linux", "XDG_DATA_HOME", paths.data_folder, "moved/nodeflow"),
        ("linux", "XDG_STATE_HOME", paths.state_folder, "moved/nodeflow"),
        ("linux", "XDG_CACHE_HOME", paths.cache_folder, "moved/nodeflow"),
        ("win32", "APPDATA", paths.config_folder, "moved/nodeflow"),
        ("win32", "APPDATA", paths.data_folder, "moved/nodeflow"),
        ("win32", "LOCALAPPDATA", paths.state_folder, "moved/nodeflow"),
        ("win32", "LOCALAPPDATA", paths.cache_folder, "moved/nodeflow/cache"),
        ("linux", "NODEFLOW_CACHE_DIR", paths.kernel_folder, "moved/kernels"),
        ("darwin", "NODEFLOW_CACHE_DIR", paths.kernel_folder, "moved/kernels"),
        ("linux", "NODEFLOW_PLUGINS", plugin_folder, "moved"),
    ],
)
def test_environment_variables_move_them(home, monkeypatch, platform, variable, function, expected):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, str(home / "moved"))
    assert function() == home / expected


def test_the_cache_variable_moves_compiled_kernels_alone(home, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("NODEFLOW_CACHE_DIR", str(home / "moved"))
    assert mnist.cache() == home / ".cache/nodeflow/mnist"
    assert cache.cache_folder() == home / "moved" / "kernels"


@pytest.mark.parametrize(
    "variable, function",
    [
        ("XDG_CONFIG_HOME", paths.config_folder),
        ("XDG_DATA_HOME", paths.data_folder),
        ("XDG_STATE_HOME", paths.state_folder),
        ("XDG_CACHE_HOME", paths.kernel_folder),
    ],
)
def test_a_relative_xdg_folder_is_ignored_as_its_standard_says(
    home, monkeypatch, variable, function
):
    monkeypatch.setattr(sys, "platform", "linux")
    usual = function()
    monkeypatch.setenv(variable, "relative")
    assert function() == usual


def test_a_named_folder_may_begin_with_the_home_folder(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("NODEFLOW_DATA_DIR", "~/data")
    assert paths.folder_named_by("NODEFLOW_DATA_DIR") == home / "data"
    monkeypatch.setenv("NODEFLOW_DATA_DIR", "")
    assert paths.folder_named_by("NODEFLOW_DATA_DIR") is None

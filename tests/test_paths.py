"""The user's folders follow each platform's custom, and environment variables move them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nodeflow import paths
from nodeflow.data.sources import mnist
from nodeflow.engine.compiler import cache
from nodeflow.ops.user import plugin_folder
from nodeflow.resources import example

VARIABLES = (
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "APPDATA",
    "LOCALAPPDATA", "NODEFLOW_CACHE_DIR", "NODEFLOW_DATA_DIR", "NODEFLOW_PLUGINS", "NODEFLOW_RUNS",
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
        paths.runs_folder: ".local/share/nodeflow/runs",
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
        paths.runs_folder: f"{SUPPORT}/runs",
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
        paths.runs_folder: f"{ROAMING}/runs",
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
        ("linux", "NODEFLOW_RUNS", paths.runs_folder, "moved"),
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


@pytest.mark.parametrize("word", ["off", "OFF", " off "])
def test_runs_can_be_switched_off(home, monkeypatch, word):
    monkeypatch.setenv("NODEFLOW_RUNS", word)
    assert paths.runs_folder() is None


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


NO_ENTRY = """
import os, pwd, sys

def none(*_):
    raise KeyError("no such user")

pwd.getpwuid = pwd.getpwnam = none
os.environ.pop("HOME", None)
from nodeflow.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def run_without_home(tmp_path, *arguments: str):
    """The program for a user without an entry in the list of users."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("XDG", "NODEFLOW_"))}
    environment["TMPDIR"] = str(tmp_path)
    return subprocess.run(
        [sys.executable, "-c", NO_ENTRY, *arguments],
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows the folder by other means")
def test_without_a_home_folder_a_temporary_one_serves_and_a_notice_says_so(tmp_path):
    graph = example("expression")
    done = run_without_home(tmp_path, "run", str(graph), "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("note:") == 1 and "Set HOME" in done.stderr
    (folder,) = tmp_path.glob("nodeflow-home-*")
    assert folder.stat().st_mode & 0o777 == 0o700 and str(folder) in done.stderr
    assert json.loads(done.stdout), "the answer is not mixed with the notice"
    again = run_without_home(tmp_path, "doctor")
    assert again.returncode == 0 and [*tmp_path.glob("nodeflow-home-*")] == [folder]


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "getuid"), reason="only where folders have owners")
def test_a_temporary_home_that_is_open_to_others_is_not_used(tmp_path):
    trap = tmp_path / f"nodeflow-home-{os.getuid()}"
    trap.mkdir(mode=0o777)
    trap.chmod(0o777)
    done = run_without_home(tmp_path, "doctor")
    assert done.returncode == 0 and [*trap.iterdir()] == []
    assert str(trap) + " " not in done.stderr and len([*tmp_path.glob("nodeflow-home-*")]) == 2


@pytest.mark.parametrize(
    ("home", "why"), [("/", "that can be written to"), ("/nowhere", "/nowhere does not exist")]
)
def test_a_home_that_cannot_be_written_to_is_none(tmp_path, monkeypatch, home, why):
    """`docker run --user` sets it to /; it is /nonexistent for some users of services."""
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(paths.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(paths, "_no_home", [])
    assert paths.home().parent == tmp_path
    assert why in (paths.home_notice() or "")


def test_a_real_home_is_used_without_a_word(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.home() == tmp_path and paths.home_notice() is None

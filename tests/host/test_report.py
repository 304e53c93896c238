"""A report of a problem holds what helps, and nothing that is private."""

from __future__ import annotations

import json
import socket
import zipfile
from pathlib import Path

import pytest

from nodeflow.errors import FileProblem
from nodeflow.host.problem_report.collect_report import Places, collect_report, write_report

SECRET = "planted-secret-4711"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A user called zaphod whose settings and log name graphs, data and values."""
    home = tmp_path / "home" / "zaphod"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setattr(socket, "gethostname", lambda: "heart-of-gold")
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "zaphod")
    folder = home / "state"
    folder.mkdir()
    (folder / "window.ini").write_text(
        f"[General]\ntheme=dark\nrecent={home}/{SECRET}.flow\nbookmarks={SECRET}\n"
        f"formulas={SECRET}\ndata_folder={home}/{SECRET}\nthreads=2\n"
    )
    (folder / "window.log").write_text(
        f"2026-01-01 10:00:00,000 INFO printed {SECRET}\n{SECRET} on a second line\n"
        f"2026-01-01 10:00:01,000 ERROR zaphod on {socket.gethostname()} opened {home}/a.flow\n"
        f"Traceback (most recent call last):\n"
        f'  File "{home}/lib/nodeflow/ui/app.py", line 3, in run\n    x()\nValueError: no\n'
    )
    (folder / "last-window-crash.txt").write_text(f'File "{home}/lib/x.py", line 3\n')
    (home / "data.csv").write_text(SECRET)
    return Places(folder / "window.ini", folder)


def test_nothing_private_is_in_it(places: Places, tmp_path: Path) -> None:
    path = tmp_path / "report.zip"
    write_report(path, collect_report(places))
    with zipfile.ZipFile(path) as archive:
        content = b"\n".join(archive.read(name) for name in archive.namelist())
    for private in (SECRET, "zaphod", socket.gethostname(), str(tmp_path / "home")):
        assert private.encode() not in content, private


def test_what_helps_is_in_it(places: Places) -> None:
    parts = {part.name: part.content.decode() for part in collect_report(places)}
    assert set(parts) == {
        "machine.json", "settings.json", "log.txt", "last-error.txt", "last-crash.txt",
    }  # fmt: skip
    assert json.loads(parts["settings.json"]) == {"theme": "dark", "threads": "2"}
    machine = json.loads(parts["machine.json"])
    assert machine["versions"]["numpy"] and "cache kernels" in machine["engine"]
    assert "USER on HOST opened ~/a.flow" in parts["log.txt"]
    assert parts["last-error.txt"].endswith("ValueError: no\n")
    assert '"~/lib/nodeflow/ui/app.py", line 3' in parts["last-error.txt"]
    assert '"~/lib/x.py", line 3' in parts["last-crash.txt"]


@pytest.mark.thorough
def test_a_user_without_log_or_settings(tmp_path: Path) -> None:
    parts = collect_report(Places(tmp_path / "none.ini", tmp_path))
    assert [part.name for part in parts] == ["machine.json", "settings.json"]


def test_a_file_is_in_it_only_if_it_is_given(places: Places, tmp_path: Path) -> None:
    given = tmp_path / "home" / "zaphod" / "data.csv"
    assert collect_report(places, [given])[-1].content == SECRET.encode()
    with pytest.raises(FileProblem, match="cannot read"):
        collect_report(places, [tmp_path / "gone.flow"])


@pytest.mark.thorough
def test_the_command_lists_what_it_writes(tmp_path: Path) -> None:
    import io

    from nodeflow.cli.environment import Environment
    from nodeflow.cli.main import main

    environment = Environment(io.StringIO(), io.StringIO(), tmp_path)
    assert main(["doctor", "--bundle", "r.zip"], environment) == 0
    said = environment.stderr.getvalue()  # type: ignore[attr-defined]
    with zipfile.ZipFile(tmp_path / "r.zip") as archive:
        assert all(name in said for name in archive.namelist())
    assert said.index("machine.json") < said.index("written to r.zip; nothing is sent")
    assert main(["doctor", "--bundle", "gone/r.zip"], environment) == 1
    assert main(["doctor", "--with", "a.flow"], environment) == 1
    assert "Traceback" not in environment.stderr.getvalue()  # type: ignore[attr-defined]

"""The set-up scripts where something is missing, played by programs put first in PATH."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="make run is for Linux")


@pytest.fixture
def machine(tmp_path: Path):
    """Return ``run(*command, **programs)``: run with programs replaced by shell scripts."""

    def run(*command: str, **programs: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, script in programs.items():
            path = folder / name.replace("_", "-")
            path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
            path.chmod(0o755)
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    return run


@pytest.mark.thorough
def test_qt_finds_all_its_libraries_here(root, machine):
    done = machine(sys.executable, str(root / "tools/qt_libraries.py"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.thorough
def test_missing_libraries_are_named_with_their_packages(root, machine):
    done = machine(
        sys.executable,
        str(root / "tools/qt_libraries.py"),
        ldd="echo '  libxcb-cursor.so.0 => not found'; echo '  libEGL.so.1 => not found'",
    )
    assert done.returncode == 1
    assert done.stdout == "libegl1 libxcb-cursor0\n"
    assert "libEGL.so.1, libxcb-cursor.so.0" in done.stderr


@pytest.mark.thorough
def test_a_library_of_no_known_package_is_named(root, machine):
    script = "echo '  libnew.so.7 => not found'"
    done = machine(sys.executable, str(root / "tools/qt_libraries.py"), ldd=script)
    assert (done.returncode, done.stdout.strip()) == (1, "")
    assert "no package known for libnew.so.7" in done.stderr


def test_without_root_the_one_command_to_type_is_printed(root, machine):
    apt = ("sh", str(root / "tools/apt.sh"), "libegl1", "python3-venv")
    done = machine(*apt, id="echo 1000", apt_get="echo must not run; exit 3")
    assert done.returncode == 1
    assert "    sudo apt-get install -y libegl1 python3-venv\n" in done.stderr
    assert done.stdout == ""


def test_root_installs_at_once(root, machine, tmp_path):
    log = tmp_path / "log"
    apt = ("sh", str(root / "tools/apt.sh"), "libegl1")
    done = machine(*apt, id="echo 0", apt_get=f'echo "$@" >> {log}')
    assert done.returncode == 0, done.stderr
    update, install = log.read_text().splitlines()
    assert update.startswith("update")
    assert install.startswith("install -y") and install.endswith(" libegl1")


def test_an_old_python_is_refused_with_what_to_do(root, machine, tmp_path):
    (tmp_path / "tools").mkdir()
    script = tmp_path / "tools" / "setup.sh"
    script.write_text((root / "tools" / "setup.sh").read_text(), encoding="utf-8")
    old = 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac'
    newer = {f"python3.{minor}": "exit 1" for minor in range(11, 15)}
    done = machine("sh", str(script), "run", python3=old, **newer)
    assert done.returncode == 1
    assert "3.11 or newer is needed" in done.stderr and "Python 3.9.2" in done.stderr
    assert not (tmp_path / ".venv").exists()

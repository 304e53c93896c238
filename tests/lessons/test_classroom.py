"""A classroom's computer: nothing that is installed can be written, and there is no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import nodeflow
from nodeflow.lessons.courses import read_course
from nodeflow.resources import resource

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(sys.platform != "linux", reason="file modes of Linux"),
]
HERE = Path(__file__).parent
ROOT = Path(nodeflow.__file__).parents[1]


def as_user() -> list[str]:
    """Return the command that takes the rights over other people's files from the superuser."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]


class Classroom:
    """A copy of the installation that cannot be written, and a learner's folders."""

    def __init__(self, place: Path) -> None:
        self.place, self.installed = place, place / "installed"
        for name in ("nodeflow", "resources", "examples"):
            shutil.copytree(ROOT / name, self.installed / name)
        self.home = place / "home"
        self.home.mkdir()
        for folder in (self.installed, self.home):
            for path in (folder, *folder.rglob("*")):
                path.chmod(0o555 if path.is_dir() else 0o444)
        self.work = place / "work"
        for name in ("cache", "lessons", "settings", "answers"):
            (self.work / name).mkdir(parents=True)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("NODEFLOW_", "XDG_"))},
            "HOME": str(self.home),
            "PYTHONPATH": str(self.installed),
            "PYTHONDONTWRITEBYTECODE": "1",
            "QT_QPA_PLATFORM": "offscreen",
            "NODEFLOW_CACHE_DIR": str(self.work / "cache"),
            "NODEFLOW_LESSONS_DIR": str(self.work / "lessons"),
            "NODEFLOW_RUNS": "off",
            "http_proxy": "http://127.0.0.1:9",
            "https_proxy": "http://127.0.0.1:9",
        }

    def run(self, *command: object, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*as_user(), *map(str, command)],
            cwd=self.work,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def give_back(self) -> None:
        """Let the files be removed."""
        for path in (self.installed, *self.installed.rglob("*"), self.home):
            if path.is_dir():
                path.chmod(0o755)


@pytest.fixture
def classroom(tmp_path: Path):
    found = Classroom(tmp_path)
    yield found
    found.give_back()


def test_a_learner_begins_without_writing_to_the_installation(classroom: Classroom) -> None:
    refused = classroom.run("touch", classroom.installed / "nodeflow" / "new", classroom.home / "x")
    assert refused.returncode != 0
    lesson = resource("lessons/01-expression.flow")
    with zipfile.ZipFile(classroom.place / "course.zip", "w") as archive:
        archive.write(lesson, "one.flow")
    result = classroom.run(
        sys.executable, HERE / "classroom_walk.py", classroom.place / "course.zip"
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-2:] == ["Add c and 2", "2 courses"]
    assert (classroom.work / "lessons" / "expression.flow").is_file()
    assert list((classroom.work / "cache" / "courses").rglob("one.flow"))
    assert "Traceback" not in result.stderr
    assert list(classroom.home.iterdir()) == []


def test_a_teacher_grades_with_the_same_installation(classroom: Classroom) -> None:
    entry = next(e for e in read_course(resource("lessons")).entries if e.id == "expression")
    shutil.copy(entry.path, classroom.work / "answers" / "ada.flow")
    command = (sys.executable, "-m", "nodeflow")
    result = classroom.run(*command, "grade", entry.path, "answers", "-o", "marks.csv")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["ada", "10.00"]
    assert (classroom.work / "marks.csv").is_file()
    assert list(classroom.home.iterdir()) == []

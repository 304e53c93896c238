"""Courses: folders and zips with lessons, whoever made them."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pytest

from nodeflow.document.io import flow
from nodeflow.errors import FileProblem
from nodeflow.lessons import archives
from nodeflow.lessons.courses import read_course, read_lesson, single_lesson
from nodeflow.lessons.schema import lesson_of
from nodeflow.lessons.translation import (
    languages,
    read_translation,
    translation_path,
    untranslated,
)
from nodeflow.resources import resource
from tests.lessons import softmax_lesson as softmax


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NODEFLOW_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "courses"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two lessons in the order b, a, a graph without a lesson, and a broken
    file."""
    folder = tmp_path / "neural_nets"
    folder.mkdir()
    for place, name in enumerate("ba"):
        content = json.loads(flow.dumps(softmax.lesson()))
        content["lesson"] |= {"id": name, "place": place, "course": "nets"}
        (folder / f"{name}.flow").write_text(json.dumps(content))
    flow.save(softmax.document(softmax.solution), folder / "graph.flow")
    (folder / "zz.flow").write_text("{")
    return folder


def test_a_folder_is_a_course_in_the_order_of_places(folder: Path) -> None:
    course = read_course(folder)
    assert (course.title, course.problem) == ("neural nets", "")
    assert [entry.id for entry in course.entries] == ["b", "a", ""]
    assert [entry.key for entry in course.entries] == ["nets.b", "nets.a", ""]
    assert "zz.flow" in course.entries[2].problem
    first = lesson_of(flow.load(folder / "b.flow"))
    last = lesson_of(flow.load(folder / "a.flow"))
    assert first is not None and last is not None
    assert course.after(first) is course.entries[1]
    assert course.after(last) is None
    (folder / "a.flow").write_text((folder / "a.flow").read_text().replace("Softmax", "Soft"))
    assert [entry.title for entry in read_course(folder).entries] == ["Softmax", "Soft", "zz"]


def test_places_without_lessons_say_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert read_course(tmp_path / "empty").problem == "empty has no lessons."
    assert "no folder" in read_course(tmp_path / "gone").problem
    assert "gone.zip" in read_course(tmp_path / "gone.zip").problem
    (tmp_path / "bad.zip").write_bytes(b"PK no zip")
    assert "damaged or no zip" in read_course(tmp_path / "bad.zip").problem


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_zip_is_the_same_course(folder: Path, cache: Path) -> None:
    files = {f"nets/{path.name}": path.read_bytes() for path in folder.iterdir()}
    files["nets/run.py"] = b"raise SystemExit"
    files["__MACOSX/nets/._a.flow"] = b"?"
    path = zipped(folder.parent / "nets.zip", files)
    course = read_course(path)
    assert [entry.key for entry in course.entries] == ["nets.b", "nets.a", ""]
    assert not list(cache.rglob("*.py"))
    first = course.entries[0].path
    assert read_course(path).entries[0].path == first
    zipped(path, {"one.flow": (folder / "a.flow").read_bytes()})
    assert [entry.key for entry in read_course(path).entries] == ["nets.a"]
    assert not first.exists()


@pytest.mark.parametrize(
    "name",
    ["../o.flow", "/o.flow", "a/../../o.flow", "..\\o.flow", "c:o.flow", "nul.flow", "o\n.flow"],
)
def test_a_zip_that_leads_out_is_refused(tmp_path: Path, cache: Path, name: str) -> None:
    zipped(tmp_path / "slip.zip", {"good.flow": b"{}", name: b"{}"})
    with pytest.raises(FileProblem, match="not safe to unpack"):
        archives.unpacked(tmp_path / "slip.zip")
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".flow"]


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("secret.json")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(FileProblem, match="not safe to unpack"):
        archives.unpacked(tmp_path / "link.zip")


def test_a_zip_of_too_much_is_refused(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LARGEST", 1 << 20)
    path = zipped(tmp_path / "bomb.zip", {f"{i}.csv": bytes(600_000) for i in range(2)})
    assert path.stat().st_size < 10_000
    with pytest.raises(FileProblem, match="holds more than 1 MB"):
        archives.unpacked(path)
    assert not list(cache.rglob("*.csv"))
    monkeypatch.setattr(archives, "MOST_FILES", 1)
    with pytest.raises(FileProblem, match="more than 1 files"):
        archives.unpacked(path)


def test_damage_within_a_zip_is_found(folder: Path, cache: Path) -> None:
    path = zipped(folder.parent / "nets.zip", {"a.flow": (folder / "a.flow").read_bytes()})
    content = bytearray(path.read_bytes())
    content[60:80] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(FileProblem, match=r"nets\.zip"):
        archives.unpacked(path)
    assert not list(cache.rglob("*.flow"))


# ---- translations -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LANGUAGE": "de_AT:fr", "LANG": "en_US.UTF-8"}, ("de_AT", "de", "fr")),
        ({"LANG": "pt_BR.UTF-8"}, ("pt_BR", "pt")),
        ({"LC_ALL": "de-DE@euro", "LANG": "fr"}, ("de_DE", "de")),
        ({"LANG": "C.UTF-8"}, ()),
        ({}, ()),
    ],
)
def test_variables_say_the_languages(variables: dict[str, str], expected: tuple[str, ...]) -> None:
    assert languages(variables) == expected


def translation(folder: Path, name: str, **fields: object) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"schema": 1, "lesson": "b", **fields}))


def test_a_translation_beside_a_lesson_replaces_its_texts(folder: Path) -> None:
    texts = {"title": "Weiches Maximum", "course": "Netze", "twins.columns.hint": ""}
    translation(folder, "b.de", texts={**texts, "unknown": "?"})
    assert read_course(folder, ("de_AT", "de")).entries[0].title == "Weiches Maximum"
    assert single_lesson(folder / "b.flow", ("de",)).title == "Weiches Maximum"
    assert read_course(folder, ("fr", "en", "de")).entries[0].title == "Softmax"
    path = zipped(folder.parent / "nets.zip", {p.name: p.read_bytes() for p in folder.iterdir()})
    assert read_course(path, ("de",)).entries[0].title == "Weiches Maximum"


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "fields",
    [{"lesson": "other", "texts": {}}, {"texts": {"title": 3}}, {"schema": 9, "texts": {}}, {}],
)
def test_a_wrong_translation_is_named_and_the_lesson_stays(
    folder: Path, fields: dict[str, object]
) -> None:
    translation(folder, "b.de", **fields)
    entry = read_course(folder, ("de",)).entries[0]
    assert (entry.title, entry.problem) == ("Softmax", "")
    assert "b.de.json" in entry.summary


def test_the_first_lesson_is_translated_completely() -> None:
    path = resource("lessons/01-expression.flow")
    _, lesson = read_lesson(path)
    german = read_translation(translation_path(path, "de"), lesson)
    assert german.texts.keys() == lesson.texts.keys()
    assert untranslated(lesson, german) == ["steps.guess.answer", "title"]
    entry = read_course(resource("lessons"), ("de",)).entries[1]
    assert entry.summary == german.texts["summary"]

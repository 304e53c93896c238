"""Answers are found with their students, and marks go into the platform's own table."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest

from nodeflow.errors import FileProblem
from nodeflow.lessons.grading.answers import find_answers
from nodeflow.lessons.grading.roster import read_roster

MOODLE = (
    "\ufeffIdentifier,Full name,Email address,Status,Grade,Maximum Grade,Feedback comments\r\n"
    "Participant 1234567,Ada Lovelace,ada@example.org,Submitted,,10.00,\r\n"
    'Participant 1234568,"Hopper, Grace",grace@example.org,Submitted,3.00,10.00,'
    '"well, ""done"""\r\n'
)
CANVAS = (
    "Student,ID,SIS User ID,Section,Softmax (88),Final Grade\n"
    "    Points Possible,,,,20,(read only)\n"
    '"Lovelace, Ada",41,ada1,A,,80\n'
    '"Hopper, Grace",42,grace2,A,12,85\n'
)


def written(path: Path, seconds: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    os.utime(path, (1_700_000_000 + seconds,) * 2)
    return path


def test_moodles_folders_name_the_student(tmp_path: Path) -> None:
    written(tmp_path / "Ada Lovelace_1234567_assignsubmission_file_" / "answer.flow")
    written(tmp_path / "__MACOSX" / "._answer.flow")
    (answer,) = find_answers([tmp_path])
    assert (answer.id, answer.name) == ("1234567", "Ada Lovelace")
    assert answer.feedback_name == "Ada Lovelace_1234567_assignsubmission_file_/feedback.html"


def test_canvas_names_the_student_and_the_newest_attempt_wins(tmp_path: Path) -> None:
    written(tmp_path / "lovelaceada_LATE_41_900_answer.flow", 9)
    newest = written(tmp_path / "lovelaceada_41_901_answer-2.flow", 1)
    written(tmp_path / "lovelaceada_41_901_answer-1.flow", 5)
    (answer,) = find_answers([tmp_path])
    assert (answer.id, answer.name, answer.path) == ("41", "lovelaceada", newest)
    assert answer.feedback_name == "lovelaceada_41_901_answer-2.html"


def test_otherwise_the_file_or_its_folder_names_the_student(tmp_path: Path) -> None:
    written(tmp_path / "ada.flow")
    written(tmp_path / "grace" / "first.flow", 1)
    newest = written(tmp_path / "grace" / "second.flow", 2)
    answers = find_answers([tmp_path])
    assert [(a.id, a.path.name) for a in answers] == [("ada", "ada.flow"), ("grace", newest.name)]
    assert [a.id for a in find_answers([tmp_path], ["grace"])] == ["grace"]
    with pytest.raises(FileProblem, match="no answers of nobody"):
        find_answers([tmp_path], ["nobody"])
    with pytest.raises(FileProblem, match="there is no file or folder"):
        find_answers([tmp_path / "absent"])


@pytest.mark.parametrize("table", [MOODLE, CANVAS, CANVAS.replace(",", ";")])
def test_one_column_is_filled_and_everything_else_kept(tmp_path: Path, table: str) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(table.encode())
    names = {
        MOODLE: ("Ada Lovelace_1234567_assignsubmission_file_.flow", "Grade", "7.5"),
        CANVAS: ("lovelaceada_41_900_answer.flow", "Softmax (88)", "15"),
    }
    file, title, points = names.get(table, names[CANVAS])
    written(tmp_path / file)
    written(tmp_path / "stranger.flow")
    answers = find_answers([tmp_path])
    roster = read_roster(path)
    missing = roster.fill(answers, {answer.id: 0.75 for answer in answers}, 10)
    assert [answer.id for answer in missing] == ["stranger"]
    delimiter = ";" if ";" in table.partition("\n")[0] else ","
    before, after = (
        list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter))
        for text in (table, roster.dumps())
    )
    column = before[0].index(title)
    changes = [
        (old[0], index, new[index])
        for old, new in zip(before, after, strict=True)
        for index in range(len(old))
        if old[index] != new[index]
    ]
    assert [(index, cell) for _, index, cell in changes] == [(column, points)]
    assert roster.dumps().startswith("\ufeff") == table.startswith("\ufeff")
    assert ("\r\n" in roster.dumps()) == ("\r\n" in table)


def test_a_name_that_two_students_share_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("Full name,Grade,Maximum Grade\nAda L,,10\nAda L,,10\n")
    written(tmp_path / "Ada L.flow")
    answers = find_answers([tmp_path / "Ada L.flow"])
    roster = read_roster(path)
    assert roster.fill(answers, {"Ada L": 1.0}, 10) == answers
    assert roster.dumps() == path.read_text()


def test_a_table_in_another_language_takes_the_points_of_the_teacher(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(
        "ID,Vollständiger Name,Bewertung,Bestwertung\n"
        "Teilnehmer/in1234567,Ada Lovelace,,20\nTeilnehmer/in12345678,Grace Hopper,,20\n"
    )
    written(tmp_path / "Ada Lovelace_1234567_assignsubmission_file_.flow")
    answers = find_answers([tmp_path])
    roster = read_roster(path, "Bewertung")
    assert roster.fill(answers, {answer.id: 0.75 for answer in answers}, 20) == []
    assert [row[2] for row in roster.rows] == ["Bewertung", "15", ""]


def test_a_login_that_ends_in_anothers_number_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("Student,ID,SIS Login ID,Softmax (88)\nMax,7,max41,\n")
    written(tmp_path / "lovelaceada_41_900_answer.flow")
    answers = find_answers([tmp_path])
    assert read_roster(path).fill(answers, {"41": 1.0}, 10) == answers


def test_a_table_that_is_none_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    for content, said in [
        (b"", "no table with a header"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"Student,ID\nAda,1\n", "does not say which column has the marks"),
    ]:
        path.write_bytes(content)
        with pytest.raises(FileProblem, match=said):
            read_roster(path)
    with pytest.raises(FileProblem, match="no column 'Mark'"):
        read_roster(path, "Mark")

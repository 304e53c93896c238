"""What is chosen about own data, without a window."""

from __future__ import annotations

import pytest

from nodeflow.data.survey import survey
from nodeflow.document.starters import look_at
from nodeflow.document.starters.choices import Choices
from tests import own_data


@pytest.fixture
def flowers(tmp_path) -> Choices:
    return Choices.guessed(survey(own_data.flowers(tmp_path / "iris.csv")))


@pytest.fixture
def houses(tmp_path) -> Choices:
    return Choices.guessed(survey(own_data.houses(tmp_path / "houses.csv")))


def test_the_guess_is_what_is_chosen_at_first(flowers, houses):
    assert (flowers.task, flowers.labels) == ("classify", ("species",))
    assert [name for name, _ in flowers.classes()] == list(own_data.SPECIES)
    assert (houses.task, houses.labels) == ("regress", ("price",))
    assert houses.inputs == ("area", "rooms", "age", "distance") and not houses.classes()


def test_another_label_gives_the_old_one_back_to_the_inputs(houses):
    houses.use_as_label("rooms", True)
    assert houses.labels == ("rooms",)
    assert houses.inputs == ("area", "age", "distance", "price")
    assert houses.task == "classify", "few whole numbers are classes"
    houses.use_as_label("area", True)
    assert houses.task == "regress"


def test_a_column_is_input_or_label(flowers):
    flowers.use_as_input("species", True)
    assert not flowers.labels
    assert "label" in flowers.misfit("classify")
    flowers.use_as_input("species", False)
    flowers.use_as_label("species", True)
    for name in flowers.inputs:
        flowers.use_as_input(name, False)
    assert flowers.misfit("classify") == "Choose at least one input."


def test_misfits_name_the_column(flowers, houses):
    assert flowers.misfit("regress") == "species is not a number."
    assert houses.misfit("classify").startswith("price is a number with")
    assert houses.misfit("pictures")


def test_a_series_sees_its_own_past_and_is_tested_on_the_end(tmp_path):
    series = Choices.guessed(survey(own_data.series(tmp_path / "sales.csv")))
    assert (series.task, series.labels, series.inputs) == ("series", ("sales",), ("sales",))
    options = series.options()
    assert options["order_by"] == "date" and options["split"] == "ordered" and options["window"] > 1
    series.choose_task("regress")
    assert series.inputs == () and series.split == "random"
    series.use_as_input("date", True)
    assert not series.misfit("regress") and "window" not in {
        name for name, value in series.options().items() if value
    }
    series.choose_task("series")
    assert series.inputs == ("sales",) and series.split == "ordered"


def test_types_are_read_from_the_whole_file(tmp_path):
    path = own_data.write(
        tmp_path / "late.csv", ["size", "kind"], [[1, "a"], [2, "b"]] * 60 + [["3.5", "c"]]
    )
    options = Choices.guessed(survey(path, limit_rows=100)).options()
    material = look_at(f"csv:{path}", options)
    assert material.columns["labels"].shape == (None, 3)
    assert material.options["categories"]["kind"] == ["a", "b", "c"], "and kept in the file"


def test_options_are_those_of_the_source(flowers):
    flowers.split, flowers.shares = "ordered", (0.7, 0.1, 0.2)
    options = flowers.options()
    assert options["labels"] == ["species"] and options["label_kind"] == "one_hot"
    assert options["splits"] == [0.7, 0.1, 0.2]
    assert set(options) <= flowers.known

"""Why an action cannot run: in words that fit, and no longer than it is true."""

from __future__ import annotations

import pytest

from nodeflow.document.edit import commands
from nodeflow.resources import example

NO_OPTIMIZER = "To train, connect an optimizer to the loss."


def ids(window) -> dict[str, str]:
    return {record.name: node for node, record in window.workspace.document.nodes.items()}


def without_optimizer(window) -> dict[str, str]:
    window.files.open_example(example("linear_regression"))
    found = ids(window)
    commands.remove(window.workspace.document, [found.pop("train")])
    return found


@pytest.mark.thorough
def test_the_banner_goes_when_an_optimizer_is_connected(window, qtbot) -> None:
    names = without_optimizer(window)
    document = window.workspace.document
    window.actions_.trigger("train")
    assert window.info.text == NO_OPTIMIZER
    optimizer = commands.add_node(document, "adam", (0.0, 0.0), name="train")
    qtbot.waitUntil(lambda: not window.info.isVisible())
    window.actions_.trigger("train")
    assert window.info.text == "To train, connect the loss to train."
    commands.connect(document, names["loss"], "out", optimizer, "loss")
    qtbot.waitUntil(lambda: not window.info.isVisible())


@pytest.mark.thorough
def test_the_banner_goes_before_the_next_refresh_has_seen_its_reason(window, qtbot) -> None:
    names = without_optimizer(window)
    document = window.workspace.document
    window.actions_.trigger("train")
    with document.transaction("Add an optimizer"):
        optimizer = commands.add_node(document, "adam", (0.0, 0.0))
        commands.connect(document, names["loss"], "out", optimizer, "loss")
    qtbot.waitUntil(lambda: not window.info.isVisible())


@pytest.mark.thorough
def test_a_message_about_something_else_stays(window, qtbot) -> None:
    names = without_optimizer(window)
    document = window.workspace.document
    window.actions_.trigger("train")
    window.messages.show("Something else.", "warning")
    optimizer = commands.add_node(document, "adam", (0.0, 0.0))
    commands.connect(document, names["loss"], "out", optimizer, "loss")
    qtbot.waitUntil(lambda: window.actions_.blocked("train") is None)
    assert window.info.text == "Something else."


@pytest.mark.thorough
def test_what_is_not_connected_yet_is_no_error(window, qtbot) -> None:
    window.files.open_example(example("linear_regression"))
    document, names = window.workspace.document, ids(window)
    wire = document.wires_into(names["loss"])[0]
    commands.disconnect(document, (names["loss"], wire.target_port))
    window.actions_.trigger("train")
    assert window.info.text == f"To train, connect something to {wire.target_port} of loss."
    tip = window.actions_["train"].toolTip()
    assert "error" not in tip and "connect something" in tip
    document.undo()
    commands.set_attr(document, names["loss"], "axis", 7)
    window.actions_.trigger("train")
    assert window.info.text == "train cannot run because of an error in the graph."

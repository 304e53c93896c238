"""A button that cannot work is off, and its tip says why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QAbstractButton, QWidget

from nodeflow.resources import example
from nodeflow.ui.core.widgets.common_widgets import button, switch

EXAMPLES = ("", "mnist_layers", "expression")


def switched_off(widget: QWidget) -> Iterator[QAbstractButton]:
    """The buttons of a panel that are off by themselves and not because their parent is."""
    for each in widget.findChildren(QAbstractButton):
        parent = each.parentWidget()
        if not each.isEnabled() and (parent is None or parent.isEnabled()):
            yield each


def test_a_widget_is_switched_with_its_reason(qtbot):
    one = button("Draw")
    qtbot.addWidget(one)
    switch(one, "Select a <b>run</b>.", "Draw it")
    assert not one.isEnabled() and "Select a &lt;b&gt;run&lt;/b&gt;." in one.toolTip()
    switch(one, "", "Draw it")
    assert one.isEnabled() and one.toolTip() == "Draw it"


@pytest.mark.thorough
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_button_that_is_off_in_a_panel_says_why(window, qtbot, name):
    if name:
        window.files.open_example(example(name))
    checked = 0
    for panel in window.panels:
        window.docking.show(panel)
        window.actions_.refresh_now()
        for each in switched_off(window.panels[panel]):
            known = {each.text(), each.accessibleName(), ""}
            assert each.toolTip() not in known, (panel, each.text() or each.accessibleName())
            checked += 1
    assert checked > 5

"""Pictures from the command line have the views that are on nodes."""

from __future__ import annotations

import shutil

import pytest
from PySide6.QtGui import QImage

from nodeflow.resources import example


@pytest.mark.thorough
def test_views_are_drawn_where_values_are_asked_for(nodeflow, tmp_path):
    shutil.copy(example("spirals"), tmp_path / "spirals.flow")
    pictures = {}
    for name, options in (("plain", ()), ("values", ("--values",))):
        result = nodeflow("render", "spirals.flow", *options, "-o", f"{name}.png", "--scale", "1")
        assert result.code == 0
        pictures[name] = QImage(str(tmp_path / f"{name}.png"))
    place = (2480, 860)  # within the regions on logits
    assert pictures["plain"].size() == pictures["values"].size()
    colors = {
        name: {
            picture.pixelColor(x, y).name()
            for x in range(place[0] - 40, place[0] + 40, 4)
            for y in range(place[1] - 40, place[1] + 40, 4)
        }
        for name, picture in pictures.items()
    }
    assert len(colors["values"]) > 3 * len(colors["plain"])

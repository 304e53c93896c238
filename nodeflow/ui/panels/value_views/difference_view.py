"""Two values of a tensor side by side, with the difference of their elements as a heat map."""

from __future__ import annotations

import numpy as np
from PySide6.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from nodeflow.host.picture_arrangement import measured
from nodeflow.number_text import number
from nodeflow.ui.core.painting.heat_map_image import HeatScale
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.value_difference import Difference, difference
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, label
from nodeflow.ui.panels.value_views import picture_options
from nodeflow.ui.panels.value_views.picture_options import Drawn, Shape2
from nodeflow.ui.panels.value_views.picture_view import PictureView

WIDE = 6
"""Ratio of width to height above which pictures are stacked and not placed side by side."""
MOST_WORDS = 7
"""Maximum number of elements of a value that is shown as numbers and not as a picture."""


class ValueColumn(QWidget):
    """A value below its title: a picture, or numbers if it has few elements."""

    def __init__(self, themes: ThemeManager, name: str) -> None:
        super().__init__()
        self.title = ElidedLabel("", "caption")
        self.picture = PictureView(themes)
        self.picture.setAccessibleName(name)
        self.words = label("", "strong", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[1])
        layout.addWidget(self.title)
        layout.addWidget(self.picture, 1)
        layout.addWidget(self.words, 1)

    def show_value(
        self, title: str, array: np.ndarray | None, drawn: Drawn | None, scale: HeatScale | None
    ) -> None:
        self.title.setText(title)
        self.picture.setVisible(drawn is not None)
        self.words.setVisible(drawn is None)
        if drawn is not None:
            self.picture.show_drawn(drawn, "", scale)
        elif array is not None:
            self.words.setText(_words(array))
        else:
            self.words.setText("–")


class DifferenceView(QWidget):
    """Both values on a common colour scale, and the second minus the first."""

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        names = ("First value", "Second value", "Difference")
        self.first, self.second, self.between = (ValueColumn(themes, name) for name in names)
        self.text = label("", "", wrap=True)
        self.found: Difference | None = None
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._columns.setSpacing(SPACE[3])
        for each in (self.first, self.second, self.between):
            self._columns.addWidget(each, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addLayout(self._columns, 1)
        layout.addWidget(self.text)

    def show_values(
        self,
        titles: tuple[str, str],
        values: tuple[np.ndarray, np.ndarray],
        image_shape: Shape2 = None,
        column_shape: Shape2 = None,
    ) -> None:
        """Show two values of one tensor.

        Args:
            image_shape, column_shape: see `picture_ways.ways`.
        """
        found = self.found = difference(*values)
        numbers = [measured(array) for array in values]
        scale = HeatScale.of_arrays([array for array in numbers if array.dtype.kind in "biuf"])
        shapes = image_shape, column_shape
        self._arrange(_drawn(numbers[0], *shapes))
        for column, title, array in zip((self.first, self.second), titles, numbers, strict=True):
            column.show_value(title, array, _drawn(array, *shapes), scale)
        between = found.values
        size = 0.0 if between is None else found.largest
        size = size if np.isfinite(size) and size else 1.0
        drawn = None if between is None else _drawn(between, *shapes, is_grey=False)
        self.between.show_value("Difference", between, drawn, HeatScale(-size, size, True))
        self.text.setText(found.text)

    def _arrange(self, drawn: Drawn | None) -> None:
        """Stack wide pictures. Place other pictures side by side."""
        shape = (
            drawn.pictures[0].shape if drawn is not None and len(drawn.pictures) == 1 else (1, 1)
        )
        is_wide = shape[1] > WIDE * shape[0]
        kinds = QBoxLayout.Direction
        self._columns.setDirection(kinds.TopToBottom if is_wide else kinds.LeftToRight)

    def wait(self, titles: tuple[str, str], text: str) -> None:
        """Show a text that says why the second value is still missing."""
        self.found = None
        self.second.show_value(titles[1], None, None, None)
        self.between.show_value("Difference", None, None, None)
        self.text.setText(text)


def _drawn(
    array: np.ndarray, image_shape: Shape2, column_shape: Shape2, is_grey: bool | None = None
) -> Drawn | None:
    """Return the pictures of a value.

    Return None if it is better shown as numbers, or cannot be drawn.
    """
    if array.dtype.kind not in "biuf" or array.size <= MOST_WORDS:
        return None
    ways = picture_options.ways(array, image_shape, column_shape)
    if not ways:
        return None
    found = picture_options.drawn(array, ways[0], 0, image_shape, column_shape)
    return found if is_grey is None else Drawn(found.pictures, is_grey, found.note)


def _words(array: np.ndarray) -> str:
    if array.dtype.kind in "biuf" and array.size <= MOST_WORDS:
        return "  ".join(number(float(value)) for value in array.ravel())
    if array.dtype.kind in "biuf":
        return f"{array.dtype} {list(array.shape)}, mean {number(float(array.mean()))}"
    return f"{array.dtype} {list(array.shape)}"

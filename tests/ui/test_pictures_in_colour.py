"""What panels show of pictures and classes is what the files hold: colours, names, brightness."""

from __future__ import annotations

import colour_pictures
import numpy as np
import pytest
from colour_pictures import CLASSES, HEIGHT, SPLITS, WIDTH
from PySide6.QtCore import QPoint, QRect, QRectF
from PySide6.QtWidgets import QToolTip

from nodeflow.data.catalog import open_dataset
from nodeflow.drawing.views.projection import entries, group_color, title
from nodeflow.host.views.class_names import class_labels
from nodeflow.ui.core.painting.pixel_image import fitted
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.panels.value_views.sample_grid import PICTURE


@pytest.fixture
def files(tmp_path):
    """The folder of pictures, and the pixels of its files."""
    return tmp_path / "colours", colour_pictures.pictures(tmp_path / "colours")


def shown(widget, place: QRectF, height: int, width: int) -> np.ndarray:
    """The colours in the middle of each pixel of a picture that a widget draws."""
    image = widget.grab(QRect(QPoint(0, 0), widget.size())).toImage()
    found = np.zeros((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            at = QPoint(
                int(place.x() + (x + 0.5) * place.width() / width),
                int(place.y() + (y + 0.5) * place.height() / height),
            )
            found[y, x] = image.pixelColor(at).getRgb()[:3]
    return found


def sample_place(grid, index: int) -> QRectF:
    """Where the picture of a sample is drawn."""
    card = grid.card(index)
    corner = card.topLeft() + QPoint(SPACE[2], SPACE[2])
    return fitted(grid._images[index].size(), QRectF(corner.x(), corner.y(), PICTURE, PICTURE))


def predictions(window, qtbot):
    window.actions_.trigger("show_predictions")
    panel = window.panels["predictions"]
    qtbot.waitUntil(lambda: panel.shown is not None, timeout=20_000)
    return panel


@pytest.mark.thorough
@pytest.mark.parametrize("layout", ["image", "row"])
def test_samples_have_the_pixels_of_their_files_in_both_themes(live_window, files, layout, qtbot):
    folder, pixels = files
    window = live_window(size=(1400, 1000))
    colour_pictures.classifier(window, folder, layout=layout)
    colour_pictures.train(window, qtbot)
    panel = predictions(window, qtbot)
    data, names = panel.shown, sorted(pixels)
    source = open_dataset(f"pictures:{folder}", layout=layout, splits=SPLITS)
    numbers = np.asarray(source.rows[data.split])[data.rows]
    for theme in ("theme_light", "theme_dark"):
        window.actions_.trigger(theme)
        for index in range(min(3, len(data.rows))):
            found = shown(panel.grid, sample_place(panel.grid, index), HEIGHT, WIDTH)
            np.testing.assert_array_equal(found, pixels[names[numbers[index]]])
            name = names[numbers[index]].partition("/")[0]
            assert panel.grid.words(index).startswith(f"row {data.rows[index] + 1}: {name}, ")


@pytest.mark.thorough
def test_digits_are_light_on_dark_in_a_light_window(live_window, embedded_digits, qtbot):
    window = live_window("mnist", size=(1400, 1000))
    panel = predictions(window, qtbot)
    columns = open_dataset("mnist").split(panel.shown.split)
    stored = columns["images"].array[panel.shown.rows[0]].reshape(28, 28)
    found = shown(panel.grid, sample_place(panel.grid, 0), 28, 28)
    np.testing.assert_array_equal(found, np.repeat(stored[:, :, None], 3, axis=2))


@pytest.mark.thorough
def test_points_tips_and_legend_show_the_pictures_and_names_of_the_data(live_window, files, qtbot):
    folder, pixels = files
    window = live_window(size=(1400, 1000))
    colour_pictures.classifier(window, folder)
    window.actions_.trigger("show_points")
    panel = window.panels["points"]
    qtbot.waitUntil(lambda: panel.shown is not None, timeout=20_000)
    data, names = panel.shown, sorted(pixels)
    numbers = open_dataset(f"pictures:{folder}", splits=SPLITS).rows[data.split]
    for index in range(3):
        name = names[numbers[index]]
        image = panel.canvas.picture(index).toImage()
        found = [[image.pixelColor(x, y).getRgb()[:3] for x in range(WIDTH)] for y in range(HEIGHT)]
        np.testing.assert_array_equal(found, pixels[name])
        assert title(data, index).endswith(f": {name.partition('/')[0]}")
    legend = entries(data)
    assert [name for name, *_ in legend] == list(CLASSES)
    for index, group in enumerate(data.groups.tolist()):
        assert legend[group][1] == group_color(data.groups[index])


def test_the_matrix_names_the_classes_of_the_data(live_window, files, qtbot):
    folder, _ = files
    window = live_window(size=(1400, 1000))
    colour_pictures.classifier(window, folder)
    panel = predictions(window, qtbot)
    matrix, data = panel.matrix, panel.shown
    assert data.names == CLASSES
    assert matrix.accessibleDescription().startswith("007: ")
    margin = QRect(0, 0, int(matrix._area().left()), matrix.height())
    named = matrix.grab(margin).toImage()
    matrix.show_matrix("confusion", data.matrix, ("\u2003" * 5,) * 3)
    assert named != matrix.grab(margin).toImage(), "names are drawn"
    matrix.show_matrix("confusion", data.matrix, data.names)
    side = matrix._area().height() / 3
    at = matrix._area().topLeft() + QPoint(int(1.5 * side), int(0.5 * side))
    qtbot.mouseMove(matrix, at.toPoint())
    qtbot.waitUntil(lambda: QToolTip.text() != "", timeout=5000)
    assert "True 007, answer 1e5: " in QToolTip.text()
    QToolTip.hideText()


@pytest.mark.thorough
def test_predicted_classes_keep_names_that_look_like_numbers(live_window, files, qtbot):
    """`007` is no 7, and `1e5` is no 100 000; `prediction 1e5` is the column of its share."""
    folder, pixels = files
    window = live_window(size=(1400, 1000))
    colour_pictures.classifier(window, folder)
    colour_pictures.train(window, qtbot)
    window.predict.predict(folder)
    model = window.pages.predictions.model
    qtbot.waitUntil(lambda: model.rowCount() == len(pixels), timeout=20_000)
    assert model.columns[:3] == ("file", "class", "prediction")
    assert model.columns[3:] == tuple(f"prediction {name}" for name in CLASSES)
    for row, name in enumerate(sorted(pixels)):
        said = [model.index(row, column).data() for column in range(6)]
        assert said[0] == name and said[1] == said[2] == name.partition("/")[0]
        assert float(said[3 + CLASSES.index(said[2])]) > 0.5


def test_a_class_without_training_rows_is_still_a_class(tmp_path):
    """Class numbers of a source that names more classes than its rows show."""
    colour_pictures.pictures(tmp_path / "colours")
    dataset = open_dataset(
        f"pictures:{tmp_path / 'colours'}", labels="class", classes=[*CLASSES, "unseen"]
    )
    found = class_labels(dataset, {"images"})
    assert found is not None and found.names == (*CLASSES, "unseen")

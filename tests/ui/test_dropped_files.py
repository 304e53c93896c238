"""Whatever is dropped on the window is opened, predicted for, offered as data, or refused."""

from __future__ import annotations

import colour_pictures
import numpy as np
import pytest
from colour_pictures import CLASSES
from dropping import drop, files, texts
from PySide6.QtCore import QMimeData, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QMessageBox

from nodeflow.data.catalog import open_dataset
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.io.embedded_graph import with_text_in_png
from nodeflow.document.model.document import Document
from tests import own_data

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture
def boxes(monkeypatch) -> list[str]:
    """The texts of all message boxes; each is cancelled."""
    asked = []

    def answer() -> None:
        box = QApplication.activeModalWidget()
        asked.append(f"{box.text()} {box.informativeText()}")
        box.reject()

    run = QMessageBox.exec

    def shown(box: QMessageBox) -> int:
        QTimer.singleShot(0, answer)
        return run(box)

    monkeypatch.setattr(QMessageBox, "exec", shown)
    return asked


@pytest.fixture
def trained(live_window, tmp_path, qtbot):
    """A window whose network knows colours, trained and modified; and the files' pixels."""
    pixels = colour_pictures.pictures(tmp_path / "colours")
    window = live_window(size=(1400, 1000))
    colour_pictures.classifier(window, tmp_path / "colours")
    colour_pictures.train(window, qtbot)
    return window, pixels


def table(window, qtbot) -> list[str]:
    """The cells of the first row of predictions, when they are there."""
    model = window.pages.predictions.model
    qtbot.waitUntil(lambda: model.rowCount() > 0, timeout=20_000)
    return [model.index(0, column).data() for column in range(model.columnCount())]


def saved(path, pixels: np.ndarray) -> None:
    """A picture in the format of its ending, by Qt."""
    image = QImage(
        pixels.tobytes(), pixels.shape[1], pixels.shape[0], 3 * pixels.shape[1],
        QImage.Format.Format_RGB888,
    )  # fmt: skip
    assert image.save(str(path))


@pytest.mark.thorough
@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "PNG"])
def test_a_picture_is_a_prediction_without_a_question(trained, boxes, tmp_path, ending, qtbot):
    window, _ = trained
    assert window.workspace.root.is_modified
    for number, colour in enumerate(((30, 190, 70), (45, 50, 240), (210, 45, 35))):
        path = tmp_path / f"new{number}.{ending}"
        saved(path, np.full((30, 50, 3), colour, np.uint8))
        drop(window, files(path))
        qtbot.waitUntil(lambda: window.pages.predictions.path.isVisible())
        row = table(window, qtbot)
        assert row[0] == path.name and CLASSES[number] in row
        window.pages.predictions.model.clear()
    assert window.own_data.menu is None and boxes == []


@pytest.mark.thorough
def test_a_picture_dropped_on_digits_is_read_from_the_sketch_pad(
    live_window, embedded_digits, boxes, tmp_path, qtbot
):
    """An untrained graph says that it is; after a training the bars answer."""
    window = live_window("mnist", size=(1400, 1000))
    digit = open_dataset("mnist").split("test")["images"].array[0].reshape(28, 28)
    path = own_data.png(tmp_path / "digit.png", np.repeat(digit[:, :, None], 3, axis=2))
    qtbot.waitUntil(lambda: window.data.shown is not None, timeout=60_000)
    said = texts(window)
    drop(window, files(path))
    (text,) = said
    assert text.startswith("digit.png is a picture without a graph in it. Train the graph first")
    assert window.info.button.isVisible()
    with qtbot.waitSignal(
        window.link.training,
        check_params_cb=lambda event: type(event).__name__ == "Epoch",
        timeout=120_000,
    ):
        window.actions_.trigger("train")
    window.actions_.trigger("stop")
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60_000)
    drop(window, files(path))
    panel = window.panels["sketch_pad"]
    qtbot.waitUntil(lambda: panel.bars.top is not None, timeout=60_000)
    label = open_dataset("mnist").split("test")["labels"].array[0]
    assert panel.isVisible() and panel.bars.top == label
    assert boxes == []


@pytest.mark.thorough
def test_a_picture_is_predicted_beside_the_first_training(
    live_window, embedded_digits, boxes, tmp_path, qtbot
):
    window = live_window("mnist", size=(1400, 1000))
    commands.set_training(window.workspace.root, epochs=10_000)
    digit = open_dataset("mnist").split("test")["images"].array[0].reshape(28, 28)
    path = own_data.png(tmp_path / "digit.png", np.repeat(digit[:, :, None], 3, axis=2))
    with qtbot.waitSignal(
        window.link.training,
        check_params_cb=lambda event: type(event).__name__ == "Epoch",
        timeout=120_000,
    ):
        window.actions_.trigger("train")
    said = texts(window)
    drop(window, files(path))
    panel = window.panels["sketch_pad"]
    qtbot.waitUntil(lambda: panel.bars.top is not None, timeout=60_000)
    assert window.link.state == "training" and said == [] and boxes == []
    window.actions_.trigger("stop")
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60_000)


@pytest.mark.thorough
def test_a_broken_picture_is_an_error_in_words(trained, boxes, tmp_path, qtbot):
    window, _ = trained
    page = window.pages.predictions
    for content in (b"no picture at all", b"\x89PNG\r\n\x1a\n" + bytes(40), b""):
        (tmp_path / "broken.png").write_bytes(content)
        drop(window, files(tmp_path / "broken.png"))
        qtbot.waitUntil(lambda: page.notice.isVisible() or page.problem.isVisible(), timeout=20_000)
        said = page.notice.text() + page.problem.text()
        assert "broken.png" in said and "damaged" in said
    assert boxes == []


def test_pictures_of_an_array_file_are_predicted_in_colour_too(live_window, tmp_path, boxes, qtbot):
    pixels = colour_pictures.pictures(tmp_path / "colours")
    names = sorted(pixels)
    images = np.stack([pixels[name] for name in names]).astype(np.float32) / 255
    labels = np.array([CLASSES.index(name.partition("/")[0]) for name in names])
    np.savez(tmp_path / "colours.npz", pixels=images, labels=labels)
    named = {str(number): name for number, name in enumerate(CLASSES)}
    window = live_window(size=(1400, 1000))
    colour_pictures.classifier(
        window, tmp_path / "colours.npz", kind="npz", column="pixels", class_names=named
    )
    colour_pictures.train(window, qtbot)
    saved(tmp_path / "red.png", np.full((16, 20, 3), (215, 40, 30), np.uint8))
    drop(window, files(tmp_path / "red.png"))
    assert table(window, qtbot)[:2] == ["red.png", "brick red"]
    assert boxes == []


def test_a_picture_with_a_graph_opens_it_and_asks_once(window, boxes, tmp_path):
    commands.add_node(window.workspace.document, "constant", (0, 0), "mine")
    other = Document()
    commands.add_node(other, "constant", (0, 0), "theirs")
    path = own_data.png(tmp_path / "graph.png", np.zeros((8, 8, 3), np.uint8))
    path.write_bytes(with_text_in_png(path.read_bytes(), flow.dumps(other)))
    drop(window, files(path))
    assert len(boxes) == 1 and "unsaved changes" in boxes[0]
    window.workspace.root.mark_saved()
    drop(window, files(path))
    assert window.workspace.root.node_named("theirs") is not None and len(boxes) == 1


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.xyz", b"anything", "notes.xyz is not a graph, model, picture or data file."),
        ("blank.txt", b" \n\n", "blank.txt is not a graph"),
        ("noise.txt", bytes(range(256)), "noise.txt is not a graph"),
        ("empty.txt", b"", "empty.txt is not a graph"),
        ("numbers.xlsx", b"PK", "Save it as CSV"),
        ("no ending", b"", "no ending is not a graph"),
        ("program.py", b"import nodeflow as nf\n", "program.py is not a graph"),
        ("<b>bold</b>.xyz", b"", "<b>bold</b>.xyz is not a graph"),
    ],
)
@pytest.mark.parametrize("welcome", [False, True])
def test_a_file_of_no_known_kind_is_refused_in_words(
    window, boxes, tmp_path, name, content, words, welcome
):
    path = tmp_path / name.replace("/", "∕")
    path.write_bytes(content)
    if welcome:
        window.pages.show_welcome()
    said, status = texts(window), []
    window.messages.status_text.connect(status.append)
    drop(window, files(path))
    (text,) = said
    assert words.replace("/", "∕") in text and text in status
    assert boxes == [] and window.own_data.wizard is None


@pytest.mark.thorough
def test_a_graph_of_any_name_is_opened(window, boxes, tmp_path):
    document = Document()
    commands.add_node(document, "constant", (0, 0), "found")
    for name in ("graph.json", "graph.txt"):
        (tmp_path / name).write_text(flow.dumps(document))
        drop(window, files(tmp_path / name))
        assert window.workspace.root.node_named("found") is not None and boxes == []
        window.files.new()
        assert window.workspace.root.node_named("found") is None


def test_what_is_not_of_this_computer_or_gone_is_refused_in_words(window, boxes, tmp_path):
    said = texts(window)
    drop(window, files("https://example.org/cat.png"))
    image = QMimeData()
    image.setImageData(QImage(4, 4, QImage.Format.Format_RGB32))
    drop(window, image)
    drop(window, files(tmp_path / "gone.xyz"))
    assert len(said) == 3 and "Save the data to a file" in said[0] and said[0] == said[1]
    assert said[2] == "There is no file gone.xyz any more."
    assert boxes == []


def test_a_folder_without_pictures_is_refused_by_the_wizard(window, boxes, tmp_path, qtbot):
    (tmp_path / "empty").mkdir()
    drop(window, files(tmp_path / "empty"))
    wizard = window.own_data.wizard
    qtbot.waitUntil(lambda: "no pictures" in wizard._message.text(), timeout=20_000)
    (tmp_path / "notes.xyz").write_text("hello")
    drop(wizard, files(tmp_path / "notes.xyz"))
    qtbot.waitUntil(lambda: "notes.xyz" in wizard._message.text(), timeout=20_000)
    wizard.reject()
    assert boxes == []


def test_a_picture_where_nothing_reads_pictures_says_what_would(window, boxes, tmp_path):
    path = own_data.png(tmp_path / "cat.png", np.zeros((8, 8, 3), np.uint8))
    said = texts(window)
    drop(window, files(path))
    commands.add_node(window.workspace.document, "constant", (0, 0))
    drop(window, files(path))
    first, second = said
    assert "Drop a folder of pictures" in first and "This graph takes no pictures" in second
    assert boxes == []


@pytest.mark.thorough
def test_of_several_files_the_first_that_is_known_is_taken(window, boxes, tmp_path, qtbot):
    document = Document()
    commands.add_node(document, "constant", (0, 0), "found")
    (tmp_path / "graph.flow").write_text(flow.dumps(document))
    (tmp_path / "notes.xyz").write_text("hello")
    status: list[str] = []
    window.messages.status_text.connect(status.append)
    drop(window, files(tmp_path / "notes.xyz", tmp_path / "graph.flow"))
    assert window.workspace.root.node_named("found") is not None
    assert status[-1] == "Took graph.flow, the first of 2"

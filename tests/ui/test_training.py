"""Training in the window, with an engine that says what a training says."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QScrollArea

from nodeflow.host import protocol as p
from nodeflow.resources import example
from nodeflow.train import events
from nodeflow.ui.panels.plots.curve import LOSS
from nodeflow.ui.panels.trainings.early_stopping_toggle import EarlyStoppingToggle
from nodeflow.ui.panels.trainings.training_history import TrainingRecord, duration
from nodeflow.ui.window.dock import BOTTOM_ROOM

NOTICE = "Using the 5 000 MNIST images that come with nodeflow."


@pytest.fixture
def mnist(window, engine):
    """The window with mnist.flow, and an engine that does not answer by itself."""
    engine.computes = False
    window.files.open_example(example("mnist"))
    return window


@pytest.mark.thorough
def test_a_training_from_start_to_end(mnist, engine, qtbot):
    mnist.actions_.trigger("train")
    assert engine.requests(p.Train)[-1].resume is False
    assert mnist.docking.docks["training"].isVisible()
    engine.begin_training(epochs=2, steps=10)
    qtbot.waitUntil(lambda: mnist.link.state == "training")
    engine.train_steps(1, [2.0, 1.5, 1.2, 1.1, 1.0])
    engine.train_steps(6, [0.9, 0.8, 0.7, 0.6, 0.5])
    engine.end_epoch(1, 1.03, accuracy=0.8)
    engine.train_steps(11, [0.45] * 10)
    engine.end_epoch(2, 0.45, accuracy=0.91)
    panel = mnist.panels["training"]
    qtbot.waitUntil(lambda: panel.figures["step"].text() == "20 of 20")
    assert panel.figures["epoch"].text() == "2 of 2"
    assert panel.metric_rows["accuracy"][1].text() == "0.91"
    qtbot.waitUntil(lambda: len(panel.plots.grid.item(LOSS).columns.x) == 20)
    x, y, *_ = panel.plots.grid.item(LOSS).columns
    np.testing.assert_allclose(y, [2.0, 1.5, 1.2, 1.1, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5] + [0.45] * 10)
    np.testing.assert_array_equal(x, np.arange(1, 21))
    x, y, *_ = panel.plots.grid.item("accuracy").columns
    np.testing.assert_allclose([x, y], [[10, 20], [0.8, 0.91]])
    engine.end_training()
    qtbot.waitUntil(lambda: mnist.link.state == "idle")
    assert panel.headline.text().startswith("Done after")
    assert panel.figures["speed"].text() == "200"
    assert panel.bar.value() == panel.bar.maximum()


@pytest.mark.thorough
def test_a_confusion_matrix_has_the_names_of_the_classes(mnist, engine, qtbot):
    rows = p.ShownRows("test", 0, 100)
    mnist.data.shown = p.ShownData(rows, classes={"labels": ("hen", "cock")})
    mnist.actions_.trigger("train")
    engine.begin_training(epochs=2, steps=10)
    table = np.array([[7, 1], [2, 5]])
    engine.on_message(events.Epoch(1, 0.9, {"accuracy": 0.8}, 10, 0.1, {"confusion": table}))
    panel = mnist.panels["training"]
    qtbot.waitUntil(lambda: panel.plots is not None and "confusion" in panel.plots.table_views)
    view = panel.plots.table_views["confusion"]
    assert view.accessibleDescription() == "hen: 7, 1; cock: 2, 5"
    assert view._words((1, 0)) == "True cock, answer hen: 2"


@pytest.mark.thorough
def test_a_metric_that_is_a_table_is_drawn_with_its_numbers(mnist, engine, qtbot):
    mnist.resize(1600, 1000)
    mnist.actions_.trigger("train")
    engine.begin_training(epochs=2, steps=10)
    first, last = np.array([[7, 1], [2, 5]]), np.array([[9, 0], [1, 5]])
    engine.on_message(events.Epoch(1, 0.9, {"accuracy": 0.8}, 10, 0.1, {"confusion": first}))
    panel = mnist.panels["training"]
    qtbot.waitUntil(lambda: panel.plots is not None and "confusion" in panel.plots.table_views)
    view = panel.plots.table_views["confusion"]
    qtbot.waitUntil(lambda: view.isVisible() and np.array_equal(view.array, first))
    engine.on_message(events.Epoch(2, 0.4, {"accuracy": 0.9}, 20, 0.2, {"confusion": last}))
    qtbot.waitUntil(lambda: np.array_equal(view.array, last))
    assert "9, 0; 1, 5" in view.accessibleDescription()
    area = view._area()
    assert view.cell_at(area.bottomLeft() + QPointF(2, -2)) == (1, 0)
    assert view.cell_at(QPointF(-1, -1)) is None
    colors = {view._image().pixel(x, y) for x in range(2) for y in range(2)}
    assert len(colors) == 4, "one of ten can be told from none"
    engine.end_training(tables={"confusion": first})
    qtbot.waitUntil(lambda: np.array_equal(view.array, first))
    mnist.actions_.trigger("train")
    engine.begin_training()
    engine.end_epoch(1, 1.0, accuracy=0.5)
    qtbot.waitUntil(lambda: view.parentWidget().isHidden())


@pytest.mark.thorough
def test_pause_resume_and_stop(mnist, engine, qtbot):
    mnist.actions_.trigger("train")
    engine.begin_training()
    qtbot.waitUntil(lambda: mnist.link.state == "training")
    qtbot.waitUntil(lambda: mnist.actions_["stop"].isEnabled())
    mnist.actions_.trigger("pause")
    assert isinstance(engine.sent[-1], p.Pause)
    engine.on_message(p.State("paused"))
    qtbot.waitUntil(lambda: "continue" in mnist.run_bar.shown)
    assert mnist.panels["training"].headline.text() == "Paused"
    mnist.actions_.trigger("pause")
    assert isinstance(engine.sent[-1], p.Resume)
    engine.on_message(p.State("training"))
    qtbot.waitUntil(lambda: mnist.actions_["pause"].text() == "Pause")
    mnist.actions_.trigger("stop")
    assert isinstance(engine.sent[-1], p.Stop)
    engine.end_training(epochs=1, stopped=True)
    qtbot.waitUntil(lambda: mnist.panels["training"].headline.text().startswith("Stopped"))


@pytest.mark.thorough
def test_continue_is_offered_after_a_training_and_resumes(mnist, engine, qtbot):
    mnist.actions_.trigger("continue")
    assert "Nothing is learned" in mnist.info.text and mnist.info.button.text() == "Train"
    mnist.actions_.trigger("train")
    engine.begin_training()
    engine.train_steps(1, [1.0] * 20)
    engine.end_training()
    qtbot.waitUntil(lambda: mnist.link.has_trained)
    mnist.actions_.trigger("continue")
    request = engine.requests(p.Train)[-1]
    assert request.resume
    engine.on_message(p.State("training"))
    engine.on_message(events.Started(2, 10, 3))
    engine.train_steps(21, [0.5] * 10)
    panel = mnist.panels["training"]
    qtbot.waitUntil(lambda: panel.figures["step"].text() == "30 of 40")
    assert panel.record.losses.count == 30, "the curve goes on where it was"


@pytest.mark.thorough
def test_a_second_train_while_training_is_explained(mnist, engine, qtbot):
    mnist.actions_.trigger("train")
    engine.begin_training()
    qtbot.waitUntil(lambda: mnist.link.state == "training")
    mnist.actions_.trigger("train")
    assert "is running" in mnist.info.text and mnist.info.button.text() == "Stop"


@pytest.mark.thorough
def test_a_failed_training_names_the_node(mnist, engine, qtbot):
    mnist.actions_.trigger("train")
    error = p.ErrorData("MissingFeed", "needs a value", "x", None, "Wire a dataset.")
    engine.on_message(p.Failed(engine.requests(p.Train)[-1].request, "Train", error))
    qtbot.waitUntil(lambda: "x: needs a value" in mnist.info.text)
    assert mnist.info.button.text() == "Show the node"
    qtbot.mouseClick(mnist.info.button, Qt.MouseButton.LeftButton)
    assert mnist.workspace.selection == (mnist.workspace.document.node_named("x").id,)


@pytest.mark.thorough
def test_values_while_training_reach_the_canvas_with_their_step(mnist, engine, qtbot):
    mnist.actions_.trigger("train")
    engine.begin_training()
    preview = p.Preview("scalar", "float32", (), "0.5", np.float32(0.5), step=7)
    revision = mnist.workspace.document.revision
    engine.on_message(p.Previews(revision, -1, {"loss": preview}, (), (), 7))
    loss = mnist.workspace.document.node_named("loss").id
    qtbot.waitUntil(lambda: mnist.canvas.node_state.value_of(loss) is not None)
    assert mnist.canvas.node_state.value_of(loss).step == 7


@pytest.mark.thorough
def test_what_a_training_never_changes_is_still_shown_when_a_subgraph_is_entered(window, engine):
    engine.computes = False
    window.files.open_example(example("mandelbrot"))
    document = window.workspace.document
    instance = next(r for r in document.nodes.values() if r.op == "subgraph")
    inner = list(document.definition(instance.attrs["definition"]).nodes.values())
    moving, still = [r.name for r in inner if r.op not in ("inputs", "outputs")][:2]

    def tell(step, values, whole=True):
        previews = {
            f"{instance.name}/{name}": p.Preview("scalar", "float32", (), text, np.float32(0))
            for name, text in values.items()
        }
        window.link.previews.emit(
            p.Previews(document.revision, -1, previews, step=step, whole=whole)
        )

    tell(1, {moving: "0.1", still: "0.2"})
    tell(2, {moving: "0.3"}, whole=False)
    assert window.workspace.enter(instance.id)
    shown = window.workspace.document
    texts = [
        window.canvas.node_state.value_of(shown.node_named(n).id).text for n in (moving, still)
    ]
    assert texts == ["0.3", "0.2"]


def test_the_stand_in_for_mnist_is_said_and_the_download_offered(mnist, engine, qtbot):
    revision = mnist.workspace.document.revision
    engine.on_message(p.Previews(revision, 10_000, {}, (), (NOTICE,)))
    panel = mnist.panels["training"]
    mnist.docking.show("training")
    qtbot.waitUntil(panel.notice.isVisible)
    assert "5 000" in panel.notice_text.text()
    qtbot.mouseClick(panel.download_button, Qt.MouseButton.LeftButton)
    request = engine.requests(p.DownloadData)[-1]
    engine.on_message(p.DownloadProgress(request.request, "train-images", 5_000_000, 10_000_000))
    qtbot.waitUntil(lambda: panel.download_bar.value() == 500)
    assert panel.notice_text.text() == "Downloading train-images: 5.0 MB"
    mnist.actions_.trigger("fetch_data")  # from the menu, where it stays
    assert engine.requests(p.DownloadData) == [request], "two would write the same files"
    mnist.info.dismiss()
    qtbot.mouseClick(panel.cancel_button, Qt.MouseButton.LeftButton)
    assert isinstance(engine.sent[-1], p.CancelDownload)
    error = p.ErrorData("NetworkProblem", "no mirror could be reached", hint="Try later.")
    engine.on_message(p.Failed(request.request, "DownloadData", error))
    qtbot.waitUntil(lambda: "no mirror" in panel.notice_text.text())
    assert panel.notice_text.text().startswith("The download failed. Try later.")
    assert panel.download_button.isVisible() and not panel.cancel_button.isVisible()
    assert panel.download_button.text() == "Try again"
    panel.show_notices((NOTICE,))
    assert panel.download_button.text() == "Download the full set"
    assert not mnist.info.isVisible(), "the failure stands where the button is"
    qtbot.waitUntil(panel.download_button.isEnabled)
    qtbot.mouseClick(panel.download_button, Qt.MouseButton.LeftButton)
    assert len(engine.requests(p.DownloadData)) == 2


def test_a_training_with_a_notice_takes_no_height_from_the_canvas(mnist, engine, qtbot):
    mnist.resize(1280, 720)
    mnist.docking.show("training")
    panel = mnist.panels["training"]
    qtbot.waitUntil(panel.isVisible)
    height = mnist.canvas.height()
    panel.preload()
    mnist.actions_.trigger("train")
    engine.begin_training(notices=(NOTICE,))
    engine.train_steps(1, [1.0, 0.5])
    qtbot.waitUntil(lambda: panel.notice.isVisible() and panel.plots.isVisible())
    assert panel.minimumSizeHint().height() <= BOTTOM_ROOM.height()
    assert mnist.canvas.height() == height
    panel.on_download_started()
    panel.show_edits(p.EditState("waits"))
    engine.end_training()
    qtbot.waitUntil(lambda: panel.record.done is not None)
    assert panel.minimumSizeHint().height() <= BOTTOM_ROOM.height()
    assert mnist.canvas.height() == height


@pytest.mark.thorough
def test_another_document_forgets_the_training(mnist, engine, qtbot):
    mnist.actions_.trigger("train")
    engine.begin_training()
    engine.train_steps(1, [1.0] * 5)
    qtbot.waitUntil(lambda: mnist.panels["training"].record.losses.count == 5)
    mnist.files.begin_empty()
    assert any(isinstance(r, p.Stop) for r in engine.sent)
    assert mnist.panels["training"].record.losses.count == 0


@pytest.mark.thorough
def test_thousands_of_messages_do_not_draw_thousands_of_times(mnist, engine, qtbot):
    mnist.actions_.trigger("train")
    engine.begin_training(epochs=10, steps=550)
    drawn = []
    original = mnist.panels["training"].draw
    mnist.panels["training"]._timer.timeout.disconnect()
    mnist.panels["training"]._timer.timeout.connect(lambda: (drawn.append(1), original()))
    for first in range(1, 5501, 5):
        engine.train_steps(first, [1.0 / first] * 5)
    qtbot.waitUntil(lambda: mnist.panels["training"].record.losses.count == 5500)
    qtbot.waitUntil(lambda: mnist.panels["training"].figures["step"].text() == "5500 of 5500")
    assert len(drawn) < 60


@pytest.mark.thorough
def test_the_viewer_shows_the_selected_tensor(mnist, engine, qtbot):
    weights = mnist.workspace.document.node_named("W1")
    mnist.docking.show("viewer")
    mnist.canvas.selection.select([weights.id])
    qtbot.waitUntil(lambda: bool(engine.requests(p.FetchTensor)))
    request = engine.requests(p.FetchTensor)[-1]
    assert request.name == "W1"
    array = np.arange(784 * 3, dtype=np.float32).reshape(784, 3)
    engine.on_message(p.TensorValue(request.request, "W1", array))
    viewer = mnist.panels["viewer"]
    qtbot.waitUntil(lambda: viewer.array is not None)
    model = viewer.table.array_model
    assert (model.rowCount(), model.columnCount()) == (784, 3)
    assert model.data(model.index(2, 1)) == "7"
    for tab in (1, 2, 0):
        qtbot.mouseClick(viewer._tabs.button(tab), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(viewer._tabs.button(1), Qt.MouseButton.LeftButton)
    assert [viewer.way.itemData(i) for i in range(viewer.way.count())] == ["matrix", "columns"]
    viewer.way.setCurrentIndex(1)
    viewer.way.activated.emit(1)
    assert len(viewer.images._images) == 3
    assert viewer.images._images[0].width() == 28


@pytest.mark.thorough
def test_answers_for_another_selection_are_ignored(mnist, engine, qtbot):
    document = mnist.workspace.document
    mnist.docking.show("viewer")
    mnist.canvas.selection.select([document.node_named("W1").id])
    qtbot.waitUntil(lambda: bool(engine.requests(p.FetchTensor)))
    old = engine.requests(p.FetchTensor)[-1]
    mnist.canvas.selection.select([document.node_named("b1").id])
    engine.on_message(p.TensorValue(old.request, "W1", np.zeros(3)))
    qtbot.wait(50)
    assert mnist.panels["viewer"].array is None


# ---- the record, without a window ---------------------------------------------------------------


def record_of(*given: events.Event) -> TrainingRecord:
    record = TrainingRecord(0.5)
    for event in given:
        record.take(event, 0.0)
    return record


def test_steps_epochs_and_seconds_of_what_is_plotted():
    record = record_of(
        events.Started(2, 4, shares=("accuracy",)),
        events.Steps(1, np.array([4.0, 3.0]), 0.5, scalars={"rate": np.array([0.1, 0.2])}),
        events.Steps(3, np.array([2.0, 1.0]), 1.5, scalars={"rate": np.array([0.3, 0.4])}),
        events.Epoch(1, 2.5, {"accuracy": 0.75}, 4, 1.6),
    )
    assert [curve.name for curve in record.curves] == [LOSS, "accuracy", "rate"]
    losses, accuracy, rate = record.curves
    np.testing.assert_allclose(losses.steps, [1, 2, 3, 4])
    np.testing.assert_allclose(losses.epochs, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(losses.seconds, [0.25, 0.5, 1.0, 1.5])
    np.testing.assert_allclose(rate.values, [0.1, 0.2, 0.3, 0.4])
    assert (accuracy.steps, accuracy.epochs, accuracy.values) == (4, 1, 0.75)
    assert accuracy.seconds == 1.5 and accuracy.is_share and not losses.is_share


def test_a_training_that_goes_on_after_half_an_epoch_draws_no_step_twice():
    record = record_of(
        events.Started(2, 4),
        events.Steps(1, np.array([6.0, 5.0, 4.0, 3.0]), 2.0),
        events.Epoch(1, 4.5, {"accuracy": 0.5}, 4, 2.0),
        events.Steps(5, np.array([2.0, 1.0]), 3.0),
        events.Done(1, steps=6, stopped=True, last_epoch=1),
        events.Started(1, 4, 2),  # epoch 2 begins anew, with the weights of step 6
        events.Steps(5, np.array([0.5, 0.4, 0.3, 0.2]), 2.0),
        events.Epoch(2, 0.35, {"accuracy": 0.9}, 8, 2.0),
    )
    losses, accuracy = record.curves
    np.testing.assert_array_equal(losses.steps, np.arange(1, 11))
    np.testing.assert_allclose(losses.values, [6, 5, 4, 3, 2, 1, 0.5, 0.4, 0.3, 0.2])
    np.testing.assert_allclose(losses.seconds, [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5])
    np.testing.assert_array_equal(accuracy.steps, [4, 10])


def test_a_resumed_training_draws_what_was_before_it_once():
    record = record_of(
        events.Started(3, 4),
        events.Steps(1, np.array([6.0, 5.0, 4.0, 3.0, 9.0, 9.0]), 2.0),
        events.Started(3, 4),
        events.Resumed(
            5,
            2,
            np.array([6.0, 5.0, 4.0, 3.0, 2.0]),
            (events.Epoch(1, 4.5, {"accuracy": 0.5}, 4, 1.0),),
            1,
            1.25,
        ),
        events.Steps(6, np.array([1.0]), 1.5),
    )
    losses, accuracy = record.curves
    np.testing.assert_allclose(losses.values, [6, 5, 4, 3, 2, 1])
    np.testing.assert_array_equal(losses.steps, np.arange(1, 7))
    np.testing.assert_allclose(losses.seconds, [0.25, 0.5, 0.75, 1.0, 1.25, 1.5])
    assert (accuracy.steps, accuracy.values, accuracy.seconds) == (4, 0.5, 1.0)


def test_speed_and_time_left_come_from_the_last_seconds():
    record = TrainingRecord()
    record.take(events.Started(10, 100))
    for step in range(20):
        record.take(events.Steps(1 + 25 * step, np.ones(25), 0.1), now=0.1 * step)
    assert record.speed == pytest.approx(250)
    assert record.seconds_left == pytest.approx(500 / 250)
    assert record.part == 0.5
    assert record.current_epoch() == 5


@pytest.mark.parametrize(
    "seconds, text", [(3.2, "4 s"), (59, "59 s"), (65, "1 min 5 s"), (7300, "2 h 1 min")]
)
def test_durations_are_readable(seconds, text):
    assert duration(seconds) == text


@pytest.mark.thorough
def test_early_stopping_is_a_box_beside_the_plots(mnist, engine, qtbot):
    (control,) = mnist.panels["training"].findChildren(EarlyStoppingToggle)
    document = mnist.workspace.document
    control.box.click()
    assert document.training["patience"] == 3
    assert control.meaning.text() == "after 3 epochs without a better validation loss"
    document.undo()
    assert not control.box.isChecked() and not control.meaning.isVisibleTo(control)


@pytest.mark.thorough
def test_why_a_training_ended_early_is_said(mnist, engine, qtbot):
    mnist.actions_.trigger("train")
    engine.begin_training(epochs=30)
    engine.train_steps(1, [1.0] * 70)
    reason = "validation loss has not improved for 3 epochs"
    engine.end_training(epochs=7, last_epoch=7, reason=reason, best_epoch=4)
    panel = mnist.panels["training"]
    qtbot.waitUntil(lambda: panel.headline.text().startswith("Stopped early after"))
    assert panel.ending.text() == f"Stopped after epoch 7: {reason}; weights of epoch 4."
    assert panel.bar.value() == round(1000 * 70 / 300)
    mnist.actions_.trigger("train")
    engine.begin_training()
    qtbot.waitUntil(lambda: not panel.ending.isVisibleTo(panel))


def test_the_bar_goes_on_where_training_goes_on():
    record = TrainingRecord()
    record.take(events.Started(10, 100, 11))
    assert record.part == 0.5, "ten of twenty epochs were done before"
    record.take(events.Steps(1001, np.ones(500), 1.0))
    assert record.part == 0.75


@pytest.mark.thorough
def test_metrics_say_on_which_rows_they_are_measured(mnist, engine, qtbot):
    panel = mnist.panels["training"]
    mnist.actions_.trigger("train")
    engine.on_message(p.State("training", "reference"))
    measured = (("accuracy", "test", 10_000), ("train/loss", "train", 55_000), ("plain", "test", 0))
    engine.on_message(events.Started(2, 10, measured=measured))
    engine.end_epoch(1, 0.5, accuracy=0.9, **{"train/loss": 0.016, "plain": 1.0})
    qtbot.waitUntil(lambda: "plain" in panel.metric_rows)
    texts = {name: caption.text() for name, (caption, _) in panel.metric_rows.items()}
    assert texts == {
        "accuracy": "accuracy, 10\u202f000 test rows",
        "train/loss": "loss, 55\u202f000 training rows",
        "plain": "plain",
    }
    assert "all 10\u202f000 test rows" in panel.metric_rows["accuracy"][0].toolTip()


@pytest.mark.thorough
def test_a_metric_of_the_end_waits_for_it(mnist, engine, qtbot):
    mnist.actions_.trigger("train")
    engine.on_message(p.State("training", "reference"))
    measured = (("validation/accuracy", "validation", 50), ("test/accuracy", "test", 60))
    engine.on_message(events.Started(1, 10, measured=measured, once=("test/accuracy",)))
    engine.train_steps(1, [0.5] * 10)
    engine.end_epoch(1, 0.5, **{"validation/accuracy": 0.9})
    panel = mnist.panels["training"]
    qtbot.waitUntil(lambda: "validation/accuracy" in panel.metric_rows)
    texts = {c.text(): value.text() for c, value in panel.metric_rows.values()}
    assert texts == {
        "accuracy, 50 validation rows": "0.9",
        "accuracy, 60 test rows": "at the end",
    }
    tip = panel.metric_rows["test/accuracy"][0].toolTip()
    assert "Measured once, after the last epoch, on all 60 test rows" in tip
    last = {"validation/accuracy": 0.9, "test/accuracy": 0.8}
    engine.on_message(events.Done(1, last, steps=10, last_epoch=1))
    qtbot.waitUntil(lambda: panel.metric_rows["test/accuracy"][1].text() == "0.8")
    curve = panel.record.metrics["test/accuracy"]
    assert (curve.steps.tolist(), curve.values.tolist()) == ([10.0], [0.8])


@pytest.mark.thorough
def test_long_figures_are_shown_whole(mnist, engine, qtbot):
    mnist.actions_.trigger("train")
    engine.on_message(p.State("training"))
    measured = (("accuracy", "test", 10_000),)
    engine.on_message(events.Started(400, 5500, measured=measured))
    engine.train_steps(1, [0.5] * 5500)
    engine.end_epoch(1, 0.5, accuracy=0.973)
    panel = mnist.panels["training"]
    figures = [panel.figures["step"], panel.figures["epoch"]]
    qtbot.waitUntil(lambda: figures[0].text() == "5500 of 2\u202f200\u202f000")
    figures += panel.metric_rows["accuracy"]
    side = panel.findChild(QScrollArea).viewport()
    edge = side.mapTo(panel, side.rect().topRight()).x()
    qtbot.waitUntil(lambda: all(figure.isVisible() for figure in figures))  # laid out
    for figure in figures:
        assert figure.width() >= figure.sizeHint().width(), figure.text()
        assert figure.mapTo(panel, figure.rect().topRight()).x() <= edge, figure.text()

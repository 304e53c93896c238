"""The inspector: an editor for every kind of attribute, live and undoable, with reasons inline."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QPushButton, QStyleOptionComboBox

from nodeflow.document.analysis.declarations import declarations
from nodeflow.document.edit import commands
from nodeflow.resources import example
from nodeflow.train.settings import TrainingSettings, declared
from nodeflow.ui.inspector.editors import value_parsing
from nodeflow.ui.inspector.editors.editors_by_kind import ChoiceEditor, InitializerEditor
from nodeflow.ui.inspector.editors.text_editors import BlockEditor, TypedEditor

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


def select(window, op: str, attrs: dict | None = None, name: str | None = None) -> str:
    """Add a node, select it, and return its id."""
    node = commands.add_node(window.workspace.document, op, (0, 0), name, attrs)
    window.canvas.selection.select([node])
    return node


def row(window, name: str):
    return window.panels["inspector"].outside.page.attributes.attr_rows[name]


def value(window, node: str, name: str):
    return window.workspace.document.nodes[node].attrs.get(name)


def type_into(qtbot, editor, text: str) -> None:
    """Replace what an editor holds by typing, and commit it."""
    field = editor.focus_widget()
    field.setFocus()
    qtbot.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    if text:
        qtbot.keyClicks(field, text)
    else:
        qtbot.keyClick(field, Qt.Key.Key_Delete)
    if isinstance(editor, TypedEditor):
        editor.typing.commit()


def begin_typing(qtbot, editor, text: str) -> None:
    """Type, and stop in the middle."""
    field = editor.focus_widget()
    field.setFocus()
    qtbot.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(field, text)


@pytest.mark.thorough
def test_an_optimizer_shows_the_names_of_its_variables_in_its_formula(window, qtbot):
    """Names such as `fake` or `d1/kernel` hold an e, as numbers may."""
    from nodeflow.ui.inspector.sections import formula_section

    qtbot.waitUntil(formula_section.can_typeset, timeout=60_000)
    node = select(window, "adam", {"variables": ["d1/kernel", "fake"]}, "train")
    shown = window.panels["inspector"].outside.page.findChild(formula_section.FormulaSection)
    qtbot.waitUntil(lambda: shown.picture.isVisible(), timeout=10_000)
    assert "variables=['d1/kernel', 'fake']" in shown.text.text()
    assert r"[\mathrm{d1/kernel}, \mathrm{fake}]" in shown.copied("LaTeX")
    assert window.workspace.document.nodes[node].name == "train"


@pytest.mark.thorough
def test_text_comes_before_the_icon_in_a_narrow_combo_box(window, qtbot):
    """Beside an open panel below, the inspector is so narrow."""
    node = select(window, "variable", {"dtype": "float32"})
    field = row(window, "dtype").editor.field

    def drawn(dtype: str, width: int) -> tuple[str, bool]:
        commands.set_attr(window.workspace.document, node, "dtype", dtype)
        field.setFixedWidth(width)
        option = QStyleOptionComboBox()
        field.initStyleOption(option)
        return option.currentText, not option.currentIcon.isNull()

    assert drawn("float32", 104) == ("float32", True)
    assert drawn("complex64", 104) == ("complex64", False)
    text, has_icon = drawn("complex64", 60)
    assert text.endswith("…") and not has_icon
    assert drawn("complex64", 200) == ("complex64", True)


@pytest.mark.thorough
def test_what_is_half_typed_is_neither_a_value_nor_a_mistake(window, qtbot):
    node = select(window, "reshape", {"shape": [6]})
    shape = row(window, "shape")
    begin_typing(qtbot, shape.editor, "3, -")
    assert value(window, node, "shape") == [6] and not shape.message
    qtbot.keyClick(shape.editor.focus_widget(), Qt.Key.Key_Return)
    assert shape.message and value(window, node, "shape") == [6]
    qtbot.keyClicks(shape.editor.focus_widget(), "2, 3")
    assert not shape.message, "the message goes as soon as it is no longer true"
    qtbot.keyClick(shape.editor.focus_widget(), Qt.Key.Key_Return)
    assert value(window, node, "shape") == [2, 3]


@pytest.mark.thorough
def test_an_empty_shape_of_a_placeholder_means_any_shape(window, qtbot):
    node = select(window, "placeholder", {"shape": [None, 3]})
    shape = row(window, "shape")
    assert shape.editor.field.text() == "?, 3"
    type_into(qtbot, shape.editor, "")
    assert value(window, node, "shape") is None
    assert shape.editor.field.placeholderText() == "any shape"
    assert not window.workspace.analysis.type_of(node, "out").has_rank
    type_into(qtbot, shape.editor, "()")
    assert value(window, node, "shape") == []
    assert window.workspace.analysis.type_of(node, "out").shape == ()


def test_each_output_lists_what_is_wired_to_it(window):
    document = window.workspace.document
    node = commands.add_node(document, "moments", (0, 0))
    for name, port in (("middle", "mean"), ("spread", "variance"), ("other", "variance")):
        target = commands.add_node(document, "relu", (300, 0), name)
        commands.connect(document, node, port, target, "x")
    window.canvas.selection.select([node])
    shown = window.panels["inspector"].outside.page.ports
    links = [each.text() for each in shown.findChildren(QPushButton)]
    tips = [each.toolTip() for each in shown.findChildren(QLabel) if each.text() == "+1"]
    assert links == ["middle", "spread"] and tips == ["spread, other"]


@pytest.mark.thorough
def test_a_wire_into_a_setting_overrides_it(window, qtbot):
    document = window.workspace.document
    image = commands.add_node(document, "placeholder", (0, 0), "image", {"shape": [None, 4]})
    sizes = commands.add_node(document, "shape", (0, 0), "sizes")
    node = select(window, "reshape", {"shape": [6]})
    shape = row(window, "shape")
    assert shape.editor.isVisible() and not shape.is_given
    commands.connect(document, image, "out", sizes, "x")
    commands.connect(document, image, "out", node, "x")
    commands.connect(document, sizes, "out", node, "shape")
    assert not shape.editor.isVisible()
    assert shape.given.isVisible() and shape.given.text() == "from sizes"
    assert window.workspace.analysis.type_of(node, "out").shape == (None, 4)
    document.undo()
    assert shape.editor.isVisible() and not shape.is_given


@pytest.mark.thorough
def test_a_number_that_is_typed_is_one_undo_step(window, qtbot):
    node = select(window, "constant", {"value": 1.0})
    document = window.workspace.document
    type_into(qtbot, row(window, "value").editor, "12.5")
    assert value(window, node, "value") == 12.5
    document.undo()
    assert value(window, node, "value") == 1.0
    assert row(window, "value").editor.field.toPlainText() == "1.0"


@pytest.mark.thorough
def test_edits_in_two_fields_are_two_undo_steps(window, qtbot):
    node = select(window, "gradient_descent", {"learning_rate": 0.5})
    type_into(qtbot, row(window, "learning_rate").editor, "0.25")
    window.canvas.setFocus()
    type_into(qtbot, row(window, "learning_rate").editor, "0.75")
    window.workspace.document.undo()
    assert value(window, node, "learning_rate") == 0.25


@pytest.mark.thorough
@pytest.mark.parametrize(
    "text, expected",
    [
        ("[1, 2, 3]", [1, 2, 3]),
        ("1, 2, 3", [1, 2, 3]),
        ("[[1, 2], [3, 4.5]]", [[1, 2], [3, 4.5]]),
        ("-1e-3", -1e-3),
        ("inf", "Infinity"),
        ("nan", "NaN"),
    ],
)
def test_literals_as_people_write_them(window, qtbot, text, expected):
    node = select(window, "constant")
    type_into(qtbot, row(window, "value").editor, text)
    assert value(window, node, "value") == expected


@pytest.mark.thorough
@pytest.mark.parametrize(
    "text, reason",
    [
        ("[1, 2", "closing ]"),
        ("abc", "abc is not a number"),
        ("[[1, 2], [3]]", "different lengths"),
        ("1e999", "too large"),
    ],
)
def test_what_is_no_literal_is_refused_inline_and_changes_nothing(window, qtbot, text, reason):
    node = select(window, "constant", {"value": 7.0})
    type_into(qtbot, row(window, "value").editor, "x")
    type_into(qtbot, row(window, "value").editor, text)
    assert reason in row(window, "value").message
    # what was a number on the way was taken; the refused text itself never is
    assert value(window, node, "value") != text
    assert row(window, "value")._message.isVisible()


@pytest.mark.thorough
def test_the_problem_of_an_attribute_stands_at_its_row(window, qtbot):
    select(window, "constant", {"value": 5.5, "dtype": "int32"})
    assert "int32" in row(window, "value").message
    type_into(qtbot, row(window, "value").editor, "5")
    assert row(window, "value").message == ""


@pytest.mark.thorough
def test_shapes_take_question_marks(window, qtbot):
    node = select(window, "placeholder")
    type_into(qtbot, row(window, "shape").editor, "?, 784")
    assert value(window, node, "shape") == [None, 784]
    out = window.workspace.analysis.type_of(node, "out")
    assert out.shape == (None, 784)
    type_into(qtbot, row(window, "shape").editor, "()")
    assert value(window, node, "shape") == []


@pytest.mark.thorough
def test_a_variables_shape_may_be_missing_or_a_scalars(window, qtbot):
    node = select(window, "variable")
    type_into(qtbot, row(window, "shape").editor, "()")
    assert value(window, node, "shape") == []
    type_into(qtbot, row(window, "shape").editor, "")
    assert value(window, node, "shape") is None


@pytest.mark.thorough
def test_dtypes_are_chosen(window, qtbot):
    node = select(window, "constant", {"value": 1})
    editor = row(window, "dtype").editor
    assert isinstance(editor, ChoiceEditor)
    qtbot.keyClicks(editor.field, "int64")
    editor.field.activated.emit(editor.field.findData("int64"))
    assert value(window, node, "dtype") == "int64"


@pytest.mark.thorough
def test_check_boxes_write_at_once(window, qtbot):
    node = select(window, "variable")
    field = row(window, "trainable").editor.field
    qtbot.mouseClick(field, Qt.MouseButton.LeftButton, pos=QPoint(8, field.height() // 2))
    assert value(window, node, "trainable") is False
    window.workspace.document.undo()
    assert field.isChecked()


@pytest.mark.thorough
def test_an_initializer_is_chosen_with_its_parameters(window, qtbot):
    node = select(window, "variable", {"shape": [3, 2]})
    editor = row(window, "initializer").editor
    assert isinstance(editor, InitializerEditor)
    editor.field.activated.emit(editor.field.findData("random_normal"))
    assert value(window, node, "initializer") == {"op": "random_normal"}
    parameter = editor.parameters["stddev"]
    type_into(qtbot, parameter.editor, "0.03")
    assert value(window, node, "initializer") == {"op": "random_normal", "stddev": 0.03}
    assert window.workspace.analysis.type_of(node, "out").shape == (3, 2)
    editor.field.activated.emit(0)
    assert value(window, node, "initializer") is None


@pytest.mark.thorough
def test_reset_brings_the_default_back(window, qtbot):
    node = select(window, "gradient_descent", {"learning_rate": 0.9})
    button = row(window, "learning_rate")._reset
    assert not button.isVisible()  # while the pointer is elsewhere
    middle = QPointF(10, 10)
    QApplication.sendEvent(row(window, "learning_rate"), QEnterEvent(middle, middle, middle))
    assert button.isVisible()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert value(window, node, "learning_rate") is None
    assert not row(window, "learning_rate")._reset.isVisible()


@pytest.mark.thorough
def test_arrow_keys_step_numbers(window, qtbot):
    node = select(window, "gradient_descent", {"learning_rate": 0.5})
    field = row(window, "learning_rate").editor.field
    field.setFocus()
    qtbot.keyClick(field, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert value(window, node, "learning_rate") == pytest.approx(0.6)


def test_renaming_and_its_refusal(window, qtbot):
    select(window, "constant", name="first")
    node = select(window, "constant", name="second")
    field = window.panels["inspector"].outside.page.name.field
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "first")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert window.workspace.document.nodes[node].name == "second"
    assert "another node is called" in window.panels["inspector"].outside.page.name._error.text()
    field.selectAll()
    qtbot.keyClicks(field, "layer/third")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert window.workspace.document.nodes[node].name == "layer/third"
    assert not window.panels["inspector"].outside.page.name._error.isVisible()


@pytest.mark.thorough
def test_every_op_has_a_page_with_every_attribute(window, qtbot):
    """Enumerates the registry: no kind of attribute is without an editor."""
    before: list[
        str
    ] = []  # goes when the next is shown: in between, the graph's page would be made
    for op in declarations():
        node = select(window, op.id)
        commands.remove(window.workspace.document, before)
        before = [node]
        page = window.panels["inspector"].outside.page
        declared = {attr.name for attr in page.op.attrs if not attr.hidden}
        shown = set(page.attributes.attr_rows) | ({"source"} if page.source else set())
        assert page.node == node and shown == declared, op.id


@pytest.mark.thorough
def test_an_unknown_op_keeps_its_attributes_and_has_a_page(window):
    node = select(window, "from_the_future", {"strange": [1, {"a": 2}]})
    texts = [
        text.text() for text in window.panels["inspector"].outside.page.name.findChildren(QLabel)
    ]
    assert "Unknown op from_the_future" in texts
    assert window.panels["inspector"].outside.page.node == node
    assert value(window, node, "strange") == [1, {"a": 2}]


@pytest.mark.thorough
def test_a_dataset_shows_the_options_of_its_source(window, qtbot):
    node = select(window, "dataset")
    page = window.panels["inspector"].outside.page
    assert set(page.attributes.attr_rows) == {"labels", "scale"}
    page.source.editor.kind.activated.emit(0)
    index = page.source.editor.kind.findData("spirals")
    page.source.editor.kind.setCurrentIndex(index)
    page.source.editor.kind.activated.emit(index)
    assert value(window, node, "source") == "spirals"
    assert {"n", "noise", "turns"} <= set(
        window.panels["inspector"].outside.page.attributes.attr_rows
    )


@pytest.mark.thorough
def test_a_csv_dataset_asks_for_its_file(window, qtbot, tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("x,y\n1,2\n3,4\n")
    node = select(window, "dataset")
    editor = window.panels["inspector"].outside.page.source.editor
    index = editor.kind.findData("csv")
    editor.kind.setCurrentIndex(index)
    editor.kind.activated.emit(index)
    assert window.panels["inspector"].outside.page.source.message == "Choose a file"
    assert value(window, node, "source") is None
    qtbot.keyClicks(editor.file.line, str(path))
    qtbot.keyClick(editor.file.line, Qt.Key.Key_Return)
    assert value(window, node, "source") == f"csv:{path}"
    assert "features" in window.panels["inspector"].outside.page.attributes.attr_rows
    rows = window.panels["inspector"].outside.page.attributes.attr_rows
    assert rows["features"].editor.field.placeholderText() == "all columns except labels and text"
    assert rows["labels"].editor.field.placeholderText() == "the last column"
    shown = [part.text() for part in window.panels["inspector"].outside.page.findChildren(QLabel)]
    assert not any("not known" in text and "source" in text for text in shown)


@pytest.mark.thorough
def test_training_settings_stand_with_the_optimizer(window, qtbot):
    window.files.open_example(example("mnist"))
    document = window.workspace.document
    optimizer = next(r for r in document.nodes.values() if r.op == "gradient_descent")
    window.canvas.selection.select([optimizer.id])
    section = window.panels["inspector"].outside.page.training
    rows = {**section.setting_rows, **section.stopping.rows}
    labels = {
        setting.name: setting.label for setting in declared(TrainingSettings) if setting.section
    }
    assert {name: row.label.text() for name, row in rows.items()} == labels
    type_into(qtbot, section.setting_rows["epochs"].editor, "25")
    assert document.training["epochs"] == 25
    document.undo()
    assert document.training["epochs"] == 10
    type_into(qtbot, section.setting_rows["epochs"].editor, "0")
    assert "at least 1" in section.setting_rows["epochs"].message
    assert document.training["epochs"] == 10
    qtbot.mouseClick(section.add_button, Qt.MouseButton.LeftButton)
    assert len(document.training["metrics"]) == 2
    split = [c for c in section.findChildren(QComboBox) if c.property("metric") == 1][-1]
    split.setCurrentIndex(split.findData("validation"))
    split.activated.emit(split.currentIndex())
    assert document.training["metrics"][1]["split"] == "validation"


@pytest.mark.thorough
def test_a_confusion_matrix_can_be_measured_but_not_watched(window):
    window.files.open_example(example("mnist"))
    document = window.workspace.document
    names = {record.name: node_id for node_id, record in document.nodes.items()}
    matrix = commands.add_node(document, "confusion_matrix", (0, 0), name="confusion")
    commands.connect(document, names["actual"], "out", matrix, "labels")
    commands.connect(document, names["predicted"], "out", matrix, "predictions")
    window.canvas.selection.select([names["train"]])
    section = window.panels["inspector"].outside.page.training
    assert (matrix, "confusion") in section._measurable()
    assert "probabilities" not in {name for _, name in section._measurable()}
    assert "confusion" not in {name for _, name in section._scalars()}


def test_early_stopping_is_switched_on_and_set_with_undo(window, qtbot):
    window.files.open_example(example("spirals"))
    document = window.workspace.document
    window.canvas.selection.select([document.node_named("train").id])
    rows = window.panels["inspector"].outside.page.training.stopping
    assert not rows.rows["patience"].isVisibleTo(rows)
    rows.switch.editor.field.click()
    assert document.training["patience"] == 3 and rows.rows["patience"].isVisibleTo(rows)
    assert [rows.node.currentText(), rows.split.currentText()] == ["loss", "validation"]
    type_into(qtbot, rows.rows["min_change"].editor, "0.01")
    assert document.training["min_change"] == 0.01
    rows.node.fill()
    rows.node.setCurrentIndex(rows.node.findText("accuracy"))
    rows.node.activated.emit(rows.node.currentIndex())
    accuracy = document.node_named("accuracy").id
    watched = {"node": accuracy, "split": "validation", "goal": "max"}
    assert document.training["monitor"] == watched, "more accuracy is better"
    rows.goal.setCurrentIndex(rows.goal.findData("min"))
    rows.goal.activated.emit(rows.goal.currentIndex())
    assert document.training["monitor"]["goal"] == "min"
    for _ in range(4):
        document.undo()
    assert "patience" not in document.training and not rows.rows["patience"].isVisibleTo(rows)


@pytest.mark.thorough
def test_frames_are_edited(window, qtbot):
    document = window.workspace.document
    frame = commands.add_frame(document, (0, 0, 300, 200), "Layer")
    window.workspace.select([frame])
    rows = window.panels["inspector"].outside.page.rows
    assert isinstance(rows["note"].editor, BlockEditor)
    type_into(qtbot, rows["note"].editor, "Try a larger rate")
    assert document.frames[frame].note == "Try a larger rate"
    document.undo()
    assert document.frames[frame].note == ""


@pytest.mark.thorough
def test_ports_lead_to_the_neighbours(window, qtbot):
    document = window.workspace.document
    one = commands.add_node(document, "constant", (0, 0), "one")
    node = select(window, "negative")
    commands.connect(document, one, "out", node, "x")
    link = next(
        b
        for b in window.panels["inspector"].outside.page.ports.findChildren(QPushButton)
        if b.text() == "one"
    )
    qtbot.mouseClick(link, Qt.MouseButton.LeftButton)
    assert window.workspace.selection == (one,)


@pytest.mark.parametrize(
    "value",
    [
        0,
        1.5,
        True,
        [1, 2],
        [[1.0, 2.5], [3.0, 4.0]],
        [[[1], [2]], [[3], [4]]],
        "NaN",
        "-Infinity",
        [],
    ],
)
def test_what_is_shown_is_read_back_the_same(value):
    assert value_parsing.literal(value_parsing.show(value)) == value


@pytest.mark.parametrize("text", ["[" * 100 + "]" * 100, "[1,", "]", "(1]", "1 2 x"])
def test_the_parser_refuses_with_a_message(text):
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        value_parsing.literal(text)


def test_json_errors_name_the_column():
    with pytest.raises(ValueError, match="column 6"):
        value_parsing.json_value('{"a" 1}')
    assert value_parsing.json_value(json.dumps({"a": [1, None]})) == {"a": [1, None]}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("op", "attr", "said"),
    [
        ("adam", "clip_value", "no limit"),
        ("adam", "clip_norm", "no limit"),
        ("adam", "average_decay", "off"),
        ("dropout", "seed", "same as training"),
        ("max_pool2d", "strides", "their size"),
        ("attention", "scale", "1 / sqrt(d)"),
        ("transpose", "perm", "reversed"),
    ],
)
def test_an_empty_field_says_what_it_means(window, op, attr, said):
    select(window, op)
    field = window.panels["inspector"].outside.page.attributes.attr_rows[attr].editor.field
    assert field.text() == "" and field.placeholderText() == said


@pytest.mark.thorough
def test_a_problem_offers_its_fix_as_a_button(window, qtbot):
    doc = window.workspace.document
    x = commands.add_node(doc, "placeholder", (0, 0), "x", {"shape": [None, 784]})
    weights = commands.add_node(doc, "variable", (0, 100), "W")
    product = commands.add_node(doc, "matmul", (300, 0), "product")
    commands.connect(doc, x, "out", product, "x")
    commands.connect(doc, weights, "out", product, "y")
    window.canvas.selection.select([product])
    (fix,) = [
        each
        for each in window.findChildren(QPushButton, "fix")
        if each.isVisibleTo(window) and each.text() == "Give W the shape 784 × 64"
    ]
    qtbot.mouseClick(fix, Qt.MouseButton.LeftButton)
    assert doc.nodes[weights].attrs["shape"] == [784, 64]
    assert not window.workspace.analysis.problems_of(product)
    doc.undo()
    assert doc.nodes[weights].attrs == {}


@pytest.mark.thorough
def test_options_of_data_say_what_none_means(window, tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3,4\n")
    select(window, "dataset", {"source": f"csv:{tmp_path / 'a.csv'}"})
    for name, text in (
        ("types", "guess all types"),
        ("categories", "take all from the file"),
        ("statistics", "take all from the train rows"),
        ("order_by", "the order of the file"),
    ):
        assert row(window, name).editor.field.placeholderText() == text, name
    select(window, "normalize")
    assert row(window, "mean").editor.field.placeholderText() == "0"
    assert row(window, "deviation").editor.field.placeholderText() == "1"

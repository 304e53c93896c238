"""Step 2 of the wizard: inputs and label, scaling, categories, missing values, and the split of
the rows.
"""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHeaderView,
    QListWidget,
    QListWidgetItem,
    QSpinBox,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from nodeflow.data.text.atoms import BYTE_PAIRS, CHARACTERS, WORDS
from nodeflow.document.starters.choices import SERIES, Choices
from nodeflow.number_text import counted
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import column, label, padded, row
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.popups.own_data.columns_model import (
    INPUT,
    KIND,
    LABEL,
    NAME,
    VALUES,
    ColumnsModel,
)

SPLIT_TEXTS = {
    "random": "At random",
    "stratified": "At random, equal shares of each class",
    "ordered": "In order: test on the last rows",
}
MISSING_TEXTS = {
    "drop": "Leave these rows out",
    "fill": "Fill in the mean or most frequent value",
    "error": "Refuse them",
}
UNIT_TEXTS = {CHARACTERS: "Characters", WORDS: "Words and marks", BYTE_PAIRS: "Byte pairs"}
COLOR_TEXTS = {"grey": "Grey", "rgb": "Red, green, blue"}
MOST_SIDE = 512
ORDERING = ("date", "number", "integer")
PANEL_WIDTH = 330
CLASSES_HEIGHT = 150
CLASS_ROLE = Qt.ItemDataRole.UserRole


class ColumnsStep(QWidget):
    """The columns with check boxes, and the settings beside them.

    ``changed`` is emitted after every choice.
    """

    changed = Signal()

    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices
        self.model = ColumnsModel(choices)
        self.model.edited.connect(self._on_edited)
        self.table = self._make_table()
        self.scale = QCheckBox("Scale the inputs (mean 0, standard deviation 1)")
        self.scale.setToolTip("A Normalize node, with the statistics of the training rows")
        self.one_hot = QCheckBox("Categories become a column each (one-hot)")
        self.split, self.missing, self.order = QComboBox(), QComboBox(), QComboBox()
        self.validation, self.test = self._share(), self._share()
        self.look_back, self.ahead = padded(QSpinBox()), padded(QSpinBox())
        self.height_, self.width_, self.color = padded(QSpinBox()), padded(QSpinBox()), QComboBox()
        self.unit = QComboBox()
        self.by_line = QCheckBox("Every line is a text of its own")
        self.by_line.setToolTip("For a list of names or sentences: lines are shuffled and split")
        self.classes = label("", "muted", wrap=True)
        self.class_list = QListWidget()
        self.class_list.setAccessibleName("Names of the classes")
        self.class_list.setToolTip("Double click a class, or press F2, to give it another name")
        self.class_list.setMaximumHeight(CLASSES_HEIGHT)
        self.class_list.itemChanged.connect(self._on_class_named)
        self.problem = label("", "error", wrap=True)
        self._make_fields()
        side = QWidget()
        side.setFixedWidth(PANEL_WIDTH)
        side.setLayout(self._side())
        layout = row(self.table, side, gap=4)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        self._refresh()

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setAccessibleName("Columns")
        table.setModel(self.model)
        table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        table.setTabKeyNavigation(False)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(28)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(VALUES, QHeaderView.ResizeMode.Stretch)
        for section, width in ((NAME, 170), (INPUT, 56), (LABEL, 56), (KIND, 130)):
            table.setColumnWidth(section, width)
        if self.model.rowCount():
            table.setCurrentIndex(self.model.index(0, INPUT))
        return table

    @staticmethod
    def _share() -> QSpinBox:
        box = padded(QSpinBox())
        box.setRange(0, 50)
        box.setSuffix(" %")
        return box

    def _make_fields(self) -> None:
        choices = self.choices
        self.scale.setChecked(choices.scale)
        self.one_hot.setChecked(choices.one_hot)
        for key, text in SPLIT_TEXTS.items():
            self.split.addItem(text, key)
        self.split.setCurrentIndex(self.split.findData(choices.split))
        self.order.addItem("The file", "")
        for found in choices.survey.columns:
            if found.kind in ORDERING:
                self.order.addItem(found.name, found.name)
        self.order.setCurrentIndex(max(0, self.order.findData(choices.order_by)))
        for key, text in MISSING_TEXTS.items():
            self.missing.addItem(text, key)
        self.missing.setCurrentIndex(max(0, self.missing.findData(choices.missing)))
        shares = (*choices.shares, 0.0, 0.0)
        self.validation.setValue(round(shares[1] * 100))
        self.test.setValue(round(shares[2] * 100))
        self.look_back.setRange(1, 512)
        self.look_back.setValue(choices.window)
        self.ahead.setRange(1, 512)
        self.ahead.setValue(choices.horizon)
        for box, size in zip((self.height_, self.width_), choices.size or (28, 28), strict=True):
            box.setRange(8, MOST_SIDE)
            box.setSuffix(" pixels")
            box.setValue(size)
        for key, text in COLOR_TEXTS.items():
            self.color.addItem(text, key)
        self.color.setCurrentIndex(max(0, self.color.findData(choices.color)))
        for key, text in UNIT_TEXTS.items():
            self.unit.addItem(text, key)
        self.unit.setCurrentIndex(max(0, self.unit.findData(choices.unit)))
        self.by_line.setChecked(choices.by_line)
        for check in (self.scale, self.one_hot, self.by_line):
            check.toggled.connect(self._on_setting)
        for combo in (self.split, self.missing, self.order, self.color, self.unit):
            combo.currentIndexChanged.connect(self._on_setting)
        sizes = (self.height_, self.width_)
        for box in (self.validation, self.test, self.look_back, self.ahead, *sizes):
            box.valueChanged.connect(self._on_setting)

    def _side(self) -> QVBoxLayout:
        self.form = QFormLayout()
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setHorizontalSpacing(SPACE[3])
        self.form.setVerticalSpacing(SPACE[2])
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows = (
            ("Tokens", self.unit),
            ("Height", self.height_),
            ("Width", self.width_),
            ("Colours", self.color),
            ("Split", self.split),
            ("In order of", self.order),
            ("Validation", self.validation),
            ("Test", self.test),
            ("Missing", self.missing),
            ("Look back", self.look_back),
            ("Ahead", self.ahead),
        )
        for text, field in rows:
            field.setAccessibleName(text)
            self.form.addRow(label(text), field)
        self.missing.setToolTip("What to do with rows that have missing values")
        earlier = "tokens in a window" if self.choices.unit else "earlier rows for each prediction"
        self.look_back.setToolTip(plain_tip(f"Number of {earlier}"))
        self.ahead.setToolTip("Number of rows ahead to predict")
        return column(
            *(
                self.scale,
                self.one_hot,
                self.by_line,
                1,
                self.form,
                1,
                self.classes,
                self.class_list,
            ),
            *(self.problem, None),
            gap=2,
        )

    def _on_class_named(self, item: QListWidgetItem) -> None:
        self.choices.name_class(item.data(CLASS_ROLE), item.text())
        self.changed.emit()

    def _show_classes(self, classes: tuple[tuple[str, int], ...]) -> None:
        """Show the classes with their counts. For some data, the user can rename them."""
        renames = "class_names" in self.choices.known
        self.classes.setVisible(bool(classes))
        self.class_list.setVisible(bool(classes))
        hint = ": F2 renames one" if renames else ""
        self.classes.setText(f"{counted(len(classes), 'class', 'classes')}{hint}")
        shown = [self.class_list.item(i).data(CLASS_ROLE) for i in range(self.class_list.count())]
        if shown == [name for name, _ in classes]:
            return
        with QSignalBlocker(self.class_list):
            self.class_list.clear()
            for name, number in classes:
                item = QListWidgetItem(self.choices.class_names.get(name, name))
                item.setData(CLASS_ROLE, name)
                item.setToolTip(plain_tip(f"{name}: {counted(number, 'row')}"))
                if renames:
                    item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
                self.class_list.addItem(item)

    def _on_edited(self) -> None:
        self._refresh()
        self.changed.emit()

    def _on_setting(self) -> None:
        choices = self.choices
        choices.scale, choices.one_hot = self.scale.isChecked(), self.one_hot.isChecked()
        if choices.split != self.split.currentData():
            choices.split, choices.split_chosen = self.split.currentData(), True
        choices.order_by = self.order.currentData()
        if choices.missing:
            choices.missing = self.missing.currentData()
        test, validation = self.test.value() / 100, self.validation.value() / 100
        choices.shares = (round(1 - test - validation, 2), validation, test)
        if choices.size:
            choices.size = (self.height_.value(), self.width_.value())
            choices.color = self.color.currentData()
        choices.window, choices.horizon = self.look_back.value(), self.ahead.value()
        if choices.unit:
            choices.unit, choices.by_line = self.unit.currentData(), self.by_line.isChecked()
        self._refresh()
        self.changed.emit()

    def refresh(self) -> None:
        """Show the current choices, because another starter may have changed them."""
        self._refresh()

    def _refresh(self) -> None:
        choices = self.choices
        table = choices.is_table
        with QSignalBlocker(self.split):
            self.split.setCurrentIndex(self.split.findData(choices.split))
        kinds = {choices.column(name).kind for name in choices.inputs}
        self.scale.setVisible(table)
        self.one_hot.setVisible("category" in kinds and "category_encoding" in choices.known)
        some = any(choices.column(n).missing for n in (*choices.inputs, *choices.labels))
        self.form.setRowVisible(self.missing, some and bool(choices.missing))
        for section in (INPUT, LABEL):
            self.table.setColumnHidden(section, not table)
        for field in (self.height_, self.width_, self.color):
            self.form.setRowVisible(field, bool(choices.size))
        for field in (self.split, self.validation, self.test):
            self.form.setRowVisible(field, "splits" in choices.known)
        self.form.setRowVisible(self.split, "split" in choices.known)
        self.form.setRowVisible(self.unit, bool(choices.unit))
        self.by_line.setVisible(bool(choices.unit))
        series = choices.task == SERIES
        ordered = table and (series or choices.split == "ordered")
        self.form.setRowVisible(self.order, ordered)
        self.form.setRowVisible(self.look_back, series or bool(choices.unit))
        self.form.setRowVisible(self.ahead, series)
        classes = choices.classes()
        self._show_classes(classes)
        self.problem.setText(choices.misfit(choices.task))
        self.problem.setVisible(bool(self.problem.text()))

"""The options for a picture of the graph: everything or the selection, format, scale, theme."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSizeF
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QVBoxLayout,
    QWidget,
)

from nodeflow.ui.canvas.export_image import LARGEST_SIDE
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import label, padded

FORMATS = {
    "PNG: an image for documents and chats": ".png",
    "SVG: sharp at every size, for the web": ".svg",
    "PDF: sharp at every size, for print": ".pdf",
}
HINTS = {
    ".png": "Drop it on a nodeflow window to get the graph back.",
    ".svg": "Text becomes paths. Drop it on a nodeflow window to get the graph back.",
    ".pdf": "One page of the graph's own size; text becomes paths.",
}


@dataclass(frozen=True)
class PictureOptions:
    """The chosen options. ``scale`` is in pixels per unit of the canvas and applies only to PNG."""

    suffix: str
    scale: float
    theme: str
    selection_only: bool


class ExportDialog(QDialog):
    """A dialog for the options of a picture. The caller asks for the path afterwards.

    Args:
        whole, selected: sizes of both pictures in canvas units; ``selected`` is None without a
            selection.
        names: names of both pictures.
    """

    def __init__(
        self,
        parent: QWidget,
        theme: str,
        whole: QSizeF,
        selected: QSizeF | None,
        names: tuple[str, str],
    ) -> None:
        super().__init__(parent)
        self.setObjectName("exportDialog")
        self.setWindowTitle("Export picture")
        self._sizes = [whole] if selected is None else [whole, selected]
        self.what = QComboBox()
        self.what.addItem(names[0])
        if selected is not None:
            self.what.addItem(names[1])
            self.what.setCurrentIndex(1)
        self.format = QComboBox()
        self.format.addItems(list(FORMATS))
        self.scale = padded(QDoubleSpinBox())
        self.scale.setRange(0.25, 8.0)
        self.scale.setSingleStep(0.5)
        self.scale.setValue(2.0)
        self.scale.setSuffix(" ×")
        self.theme = QComboBox()
        self.theme.addItems(["Light", "Dark"])
        self.theme.setCurrentText(theme.capitalize())
        self._size = label("", "muted")
        self._hint = label("", "caption", wrap=True)
        form = QFormLayout()
        form.setHorizontalSpacing(SPACE[4])
        form.setVerticalSpacing(SPACE[2])
        for text, field in (
            ("Show", self.what),
            ("Format", self.format),
            ("Scale", self.scale),
            ("Theme", self.theme),
            ("Size", self._size),
        ):
            field.setAccessibleName(text)
            form.addRow(label(text), field)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.buttons.addButton("Save…", QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[5], SPACE[5], SPACE[5], SPACE[4])
        layout.setSpacing(SPACE[4])
        layout.addLayout(form)
        layout.addWidget(self._hint)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(420)
        for box in (self.what, self.format):
            box.currentIndexChanged.connect(self._update)
        self.scale.valueChanged.connect(self._update)
        self._update()

    @property
    def options(self) -> PictureOptions:
        return PictureOptions(
            FORMATS[self.format.currentText()],
            self.scale.value(),
            self.theme.currentText().lower(),
            self.what.currentIndex() == 1,
        )

    def _update(self) -> None:
        suffix, size = self.options.suffix, self._sizes[self.what.currentIndex()]
        self.scale.setEnabled(suffix == ".png")
        self._hint.setText(HINTS[suffix])
        if suffix != ".png":
            self._size.setText(f"{size.width():.0f} × {size.height():.0f} units")
            return
        side = max(size.width(), size.height(), 1.0)
        scale = min(self.scale.value(), LARGEST_SIDE / side)
        less = ", the largest possible" if scale < self.scale.value() else ""
        pixels = (round(size.width() * scale), round(size.height() * scale))
        self._size.setText(f"{pixels[0]} × {pixels[1]} pixels{less}")

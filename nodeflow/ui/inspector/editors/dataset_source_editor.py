"""The editor of a dataset node's source: the kind of data, and the path for files."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout

from nodeflow.data.catalog import SOURCES, parse_source
from nodeflow.data.document_folder import DocumentFolder
from nodeflow.errors import NodeflowError
from nodeflow.graph.declaration import Attr
from nodeflow.ui.core.theming.theme import SPACE, Theme
from nodeflow.ui.core.user_messages import remark
from nodeflow.ui.core.widgets.common_widgets import label
from nodeflow.ui.inspector.editors.attribute_editor import Editor
from nodeflow.ui.inspector.editors.editors_by_kind import QuietCombo
from nodeflow.ui.inspector.editors.path_field import PathField


class SourceEditor(Editor):
    """Fields for the kind of a source, and for a path if the kind needs one.

    ``written`` carries a source whose path the user typed or browsed for, before it is submitted.
    """

    wide = True
    written = Signal(str)

    def __init__(self, attr: Attr, theme: Theme, base_dir: DocumentFolder) -> None:
        super().__init__(attr, theme)
        self.kind = QuietCombo()
        self.kind.setAccessibleName("Kind of data")
        for source in SOURCES.values():
            self.kind.addItem(source.title, source.id)
        self.kind.activated.connect(self._on_kind)
        self.file = PathField(base_dir)
        self.file.chosen.connect(self._on_path)
        self.file.left.connect(self.finished)
        self._doc = label("", "caption", wrap=True)
        outer = QVBoxLayout()
        outer.setSpacing(SPACE[1])
        outer.addWidget(self.kind)
        outer.addWidget(self.file)
        outer.addWidget(self._doc)
        self._layout.addLayout(outer)
        self.setFocusProxy(self.kind)
        self._value: Any = None
        self._is_choosing = False

    def set_value(self, value: Any) -> None:
        if value == self._value and self._is_choosing:
            return  # a kind was chosen, but no file yet
        self._value, self._is_choosing = value, False
        text = str(value or "")
        name, _, path = text.partition(":")
        index = self.kind.findData(name)
        if index < 0:
            self.kind.addItem(text, text)
            index = self.kind.count() - 1
        self.kind.setCurrentIndex(index)
        self.file.show_path(path)
        self._show_kind()

    def _show_kind(self) -> None:
        source = SOURCES.get(self.kind.currentData())
        takes_path = source is not None and source.takes_path
        self.file.setVisible(takes_path)
        if source is not None and takes_path:
            self.file.title = source.title
            endings = () if source.folder else source.endings
            self.file.endings = tuple(f".{ending}" for ending in endings)
        self._doc.setText(source.doc if source else "")

    def _on_kind(self, _: int) -> None:
        source = SOURCES.get(self.kind.currentData())
        self._show_kind()
        self._is_choosing = source is not None and source.takes_path and not self.file.path
        if self._is_choosing:
            self.refuse("Choose a file")
            self.file.setFocus()
            return
        self._submit_source()
        self.finished.emit()

    def _on_path(self) -> None:
        text = self._source()
        if text != self._value:
            self.written.emit(text)  # a listener may show the old path once more
        self._submit(text)

    def _source(self) -> str:
        """Return the source that the fields describe."""
        kind = str(self.kind.currentData())
        takes_path = kind in SOURCES and SOURCES[kind].takes_path
        return f"{kind}:{self.file.path}" if takes_path else kind

    def _submit_source(self) -> None:
        self._submit(self._source())

    def _submit(self, text: str) -> None:
        try:
            parse_source(text)
        except NodeflowError as error:
            self.refuse(remark(error))
            return
        self.submit(text)

"""The dataset node's source: which kind of data, and for files which one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QToolButton, QVBoxLayout, QWidget

from nodeflow.data import SOURCES, parse_source
from nodeflow.errors import NodeflowError
from nodeflow.graph.declaration import Attr
from nodeflow.ui.core.theme import SPACE, Theme, icon
from nodeflow.ui.core.widgets import label
from nodeflow.ui.inspector.editors import Editor, QuietCombo


class SourceEditor(Editor):
    """Kind of source, and a path where the kind takes one."""

    wide = True

    def __init__(self, attr: Attr, theme: Theme, base_dir: str | None) -> None:
        super().__init__(attr, theme)
        self._base_dir = base_dir
        self.kind = QuietCombo()
        self.kind.setAccessibleName("Kind of data")
        for source in SOURCES.values():
            self.kind.addItem(source.title, source.id)
        self.kind.activated.connect(self._on_kind)
        self.path = QLineEdit()
        self.path.setPlaceholderText("path of the file")
        self.path.setAccessibleName("Path")
        self.path.textEdited.connect(self._on_path)
        self.path.editingFinished.connect(self.finished)
        self.browse = QToolButton()
        self.browse.setIcon(icon("folder-open", theme, "ink", 16))
        self.browse.setToolTip("Choose a file…")
        self.browse.setAccessibleName("Choose a file")
        self.browse.clicked.connect(self._on_browse)
        self._doc = label("", "caption", wrap=True)
        self._file = QWidget()  # a layout without visible widgets would squeeze its neighbours
        line = QHBoxLayout(self._file)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(SPACE[1])
        line.addWidget(self.path, 1)
        line.addWidget(self.browse)
        outer = QVBoxLayout()
        outer.setSpacing(SPACE[1])
        outer.addWidget(self.kind)
        outer.addWidget(self._file)
        outer.addWidget(self._doc)
        self._layout.addLayout(outer)
        self.setFocusProxy(self.kind)

    def set_value(self, value: Any) -> None:
        text = str(value or "")
        name, _, path = text.partition(":")
        index = self.kind.findData(name)
        if index < 0:
            self.kind.addItem(text, text)
            index = self.kind.count() - 1
        self.kind.setCurrentIndex(index)
        if self.path.text() != path:
            self.path.setText(path)
        self._show_kind()

    def _show_kind(self) -> None:
        source = SOURCES.get(self.kind.currentData())
        takes_path = source is not None and source.takes_path
        self._file.setVisible(takes_path)
        self._doc.setText(source.doc if source else "")

    def _on_kind(self, _: int) -> None:
        source = SOURCES.get(self.kind.currentData())
        self._show_kind()
        if source is not None and source.takes_path and not self.path.text():
            self.refuse("Choose a file")
            self.path.setFocus()
            return
        self._submit_source()
        self.finished.emit()

    def _on_path(self, _: str) -> None:
        self._submit_source()

    def _on_browse(self) -> None:
        source = SOURCES[self.kind.currentData()]
        start = self._base_dir or str(Path.home())
        files = f"{source.title} (*.{source.ending});;All files (*)"
        chosen, _ = QFileDialog.getOpenFileName(self, "Choose a data file", start, files)
        if chosen:
            self.path.setText(self._relative(chosen))
            self._submit_source()
            self.finished.emit()

    def _relative(self, path: str) -> str:
        """Relative to the document where the file lies beside or below it, else absolute."""
        if self._base_dir and Path(path).is_relative_to(self._base_dir):
            return os.path.relpath(path, self._base_dir)
        return path

    def _submit_source(self) -> None:
        source = SOURCES.get(self.kind.currentData())
        text = str(self.kind.currentData())
        if source is not None and source.takes_path:
            text = f"{source.id}:{self.path.text().strip()}"
        try:
            parse_source(text)
        except NodeflowError as error:
            self.refuse(f"{error.message}. {error.hint or ''}".strip())
            return
        self.submit(text)

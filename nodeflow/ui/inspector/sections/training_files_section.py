"""Files for another program in the training settings: their folder, and the training that
writes them.
"""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QToolButton

from nodeflow.ui.core.state.training_folder import TrainingFolder
from nodeflow.ui.core.theming.theme import Theme, icon
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, button, label, row
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.inspector.sections.node_sections import Section


class TrainingFilesSection(Section):
    """A button that chooses a folder. After a choice: the folder, and the training that writes
    there.

    ``choose_requested``: the user wants to choose a folder.
    """

    choose_requested = Signal()

    def __init__(self, folder: TrainingFolder, theme: Theme) -> None:
        name = folder.kind.label
        super().__init__(name.upper())
        self._folder, self._choose = folder, f"Write {name} files to…"
        self.place = ElidedLabel("")
        self.remove = QToolButton()
        self.remove.setIcon(icon("x", theme, "ink_muted", 14))
        self.remove.setToolTip(plain_tip(f"Stop writing {name} files"))
        self.remove.setAccessibleName(f"Write no {name} files")
        self.remove.clicked.connect(self._on_removed)
        self.line = row(self.place, self.remove)
        self.line.setStretch(0, 1)
        self.rows.addLayout(self.line)
        self.choose = button(self._choose, "link", self.choose_requested.emit)
        self.choose.setProperty("flush", "true")
        self.add(self.choose)
        self.state = label("", "caption", wrap=True)
        self.add(self.state)
        folder.changed.connect(self.refresh)
        self.refresh()

    def fold(self, is_open: bool) -> None:
        """Hide the section while *More* is closed, unless a folder is chosen."""
        self.setVisible(is_open or bool(self._folder.path))

    @Slot()
    def refresh(self) -> None:
        """Show the current folder."""
        path, writing = self._folder.path, self._folder.writing
        self.place.setText(path)
        self.place.setToolTip(plain_tip(path))
        self.place.setVisible(bool(path))
        self.remove.setVisible(bool(path))
        self.choose.setText("Another folder…" if path else self._choose)
        text = "Each training writes its own folder there."
        self.state.setText(f"Writing {writing}" if writing else text)
        self.state.setVisible(bool(path or writing))

    @Slot()
    def _on_removed(self) -> None:
        self._folder.choose("")

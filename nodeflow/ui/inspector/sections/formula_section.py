"""The formula of the selected node, typeset and as text. It can be copied as text, LaTeX or Python.

The typesetting library takes 0.2 s to load with its font. A thread loads it when the first
formula is shown, so that selecting a node never waits for it.
"""

from __future__ import annotations

import threading

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QSizePolicy, QWidget

from nodeflow.document.formula.export_python import python_code
from nodeflow.document.formula.render import formula_latex, formula_text
from nodeflow.document.formula.statements import formula_statements
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme
from nodeflow.ui.core.widgets.common_widgets import button, label
from nodeflow.ui.inspector.sections.node_sections import Section

SIZE = 19
SMALLEST = 0.62
"""The smallest factor for shrinking formulas to the panel's width. Longer formulas scroll."""
LATER_MS = 60
SAID_MS = 1500
LONGEST = 500
"""Maximum number of characters of LaTeX. Longer formulas are shown only as text."""


_loaded = threading.Event()
_loader: threading.Thread | None = None


def _load() -> None:
    import ziamath

    # Write letters as plain paths, because QtSvg knows few elements of SVG 2.
    ziamath.config.svg2 = False  # pyright: ignore[reportPrivateImportUsage]  no __all__ there
    ziamath.Latex("x").svg()  # pyright: ignore[reportPrivateImportUsage]
    _loaded.set()


def can_typeset() -> bool:
    """Return whether the typesetting library is loaded. If not, start loading it."""
    global _loader
    if _loader is None:
        _loader = threading.Thread(target=_load, name="typesetting", daemon=True)
        _loader.start()
    return _loaded.is_set()


def typeset(latex: str, color: str, size: float = SIZE) -> bytes:
    """Return a formula as SVG, with its letters as paths. Call ``can_typeset`` first."""
    import ziamath

    formula = ziamath.Latex(  # pyright: ignore[reportPrivateImportUsage]
        latex, size=size, color=color
    )
    return formula.svg().encode()


class Typeset(QWidget):
    """A typeset formula, drawn at its natural width or shrunk to the panel."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("typeset")
        self.setAccessibleName("Typeset formula")
        self._renderer: QSvgRenderer | None = None
        self._scale = 1.0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_svg(self, svg: bytes, room: int) -> None:
        """Draw an SVG picture in a panel that is ``room`` pixels wide."""
        self._renderer = QSvgRenderer(QByteArray(svg))
        size = self._renderer.viewBoxF().size()
        self._scale = max(SMALLEST, min(1.0, room / max(size.width(), 1)))
        wanted = size * self._scale
        self.setFixedSize(QSize(int(wanted.width()) + 2, int(wanted.height()) + 4))
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        if self._renderer is None:
            return
        painter = QPainter(self)
        size = self._renderer.viewBoxF().size() * self._scale
        self._renderer.render(painter, QRectF(1, 2, size.width(), size.height()))
        painter.end()


FORMS = {"text": formula_statements, "LaTeX": formula_latex, "Python": python_code}
"""The forms in which a formula can be copied, each a function of document and node id."""


class FormulaSection(Section):
    """The formula of a node. It ends at inputs and at nodes that are used several times."""

    def __init__(self, workspace: Workspace, node_id: str, theme: Theme) -> None:
        super().__init__("FORMULA")
        self._workspace, self._node, self._theme = workspace, node_id, theme
        self._shown = ""
        self.picture = Typeset()
        self._scroll = QScrollArea()
        self._scroll.setWidget(self.picture)
        self._scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        self._scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setFixedHeight(34)
        self._scroll.hide()
        self.text = label("", "mono", wrap=True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setAccessibleName("Formula")
        self.add(self._scroll)
        self.add(self.text)
        copies = QHBoxLayout()
        copies.setSpacing(SPACE[1])
        copies.addWidget(label("Copy as", "caption"))
        self.buttons = {}
        for kind in ("text", "LaTeX", "Python"):
            each = button(kind, "link", self._on_copy)
            each.setObjectName(kind)
            each.setAccessibleName(f"Copy the formula as {kind}")
            self.buttons[kind] = each
            copies.addWidget(each)
        self.note = label("", "caption")
        copies.addWidget(self.note)
        copies.addStretch(1)
        self.rows.addLayout(copies)
        self._later = QTimer(self, singleShot=True, interval=LATER_MS)
        self._later.timeout.connect(self._typeset)
        self._silence = QTimer(self, singleShot=True, interval=SAID_MS)
        self._silence.timeout.connect(self.note.clear)

    def refresh(self) -> None:
        """Show the formula of the selected node as it is now."""
        document = self._workspace.document
        if self._node not in document.nodes:
            return
        text = formula_text(document, self._node)
        self.setVisible(text != document.nodes[self._node].name)
        if text != self._shown:
            self._shown = text
            self.text.setText(text)
            self._later.start()

    def _typeset(self) -> None:
        document = self._workspace.document
        if self._node not in document.nodes or not self.isVisible():
            return
        if not can_typeset():
            self._later.start()
            return
        latex = formula_latex(document, self._node)
        self._scroll.setVisible(len(latex) <= LONGEST)
        if len(latex) > LONGEST:
            return
        try:
            drawn = typeset(latex, self._theme.ink)
        except Exception:  # names in a file may not fit a formula; the text says the same
            self._scroll.hide()
            return
        room = self.text.width()  # the width of the column, also while the picture is hidden
        self.picture.show_svg(drawn, room - 4)
        bar = self._scroll.horizontalScrollBar().sizeHint().height()
        wide = self.picture.width() > room
        policy = Qt.ScrollBarPolicy
        self._scroll.setHorizontalScrollBarPolicy(
            policy.ScrollBarAlwaysOn if wide else policy.ScrollBarAlwaysOff
        )
        self._scroll.setFixedHeight(self.picture.height() + (bar if wide else 0) + 2)
        self.rows.activate()
        self.updateGeometry()

    def showEvent(self, event) -> None:
        super().showEvent(event)
        self._later.start()

    def copied(self, kind: str) -> str:
        """Return the formula as text in one of the `FORMS`."""
        return FORMS[kind](self._workspace.document, self._node)

    def _on_copy(self) -> None:
        kind = self.sender().objectName()
        QGuiApplication.clipboard().setText(self.copied(kind))
        self.note.setText("copied")
        self._silence.start()

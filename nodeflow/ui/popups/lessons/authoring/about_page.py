"""The page of a lesson's form about the lesson as a whole."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QFormLayout

from nodeflow.graph.registry import REGISTRY
from nodeflow.lessons.authoring import edits
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import column, label, row
from nodeflow.ui.popups.lessons.authoring.bound_fields import Line, Number, Page

TEXTS = (
    ("title", "Title", ""),
    ("summary", "Summary", "One sentence for the list of lessons"),
    ("done", "Last words", "Shown when all steps are done"),
)
LIMITS = "limits"
"""The id and the kind of the check for the limits."""
MOST = 2**31 - 1


class AboutPage(Page):
    """Title, place in the course, offered ops and limits."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        form = QFormLayout()
        form.setHorizontalSpacing(SPACE[4])
        form.setVerticalSpacing(SPACE[3])
        self.texts: dict[str, Line] = {}
        for key, name, placeholder in TEXTS:
            self.texts[key] = Line(name, partial(self._write_text, key), placeholder)
            form.addRow(label(name), self.texts[key])
        self.minutes = Number("Minutes", partial(self._write, "minutes"), 1, 999)
        form.addRow(label("Minutes"), self.minutes)
        self.course = Line(
            "Course", self._write_course, "Title of the course, the same in all its lessons"
        )
        self.place = Number("Place in the course", partial(self._write, "place"), 0, 999)
        form.addRow(label("Course"), row(self.course, label("Place"), self.place, gap=3))
        self.offered = Line("Offered ops", self._write_offered, "All ops")
        form.addRow(label("Offered ops"), self.offered)
        self.nodes = Number("Most nodes", partial(self._write_limit, "nodes"), 0, MOST, "Any")
        self.parameters = Number(
            "Most parameters", partial(self._write_limit, "parameters"), -1, MOST, "Any"
        )
        form.addRow(
            label("At most"),
            row(self.nodes, label("nodes"), 3, self.parameters, label("parameters"), None),
        )
        self.note = label("", "caption", wrap=True)
        self.setLayout(column(form, self.note, None, margins=4, gap=3))

    def refresh(self) -> None:
        root, lesson = self.workspace.root, self.workspace.root.lesson
        for key, field in self.texts.items():
            field.show_text(edits.text_of(root, key))
        self.minutes.show_number(lesson.get("minutes", 10))
        self.course.show_text(edits.text_of(root, "course") or lesson.get("course", ""))
        self.place.show_number(lesson.get("place", 0))
        offered = lesson.get("offered")
        self.offered.show_value(offered or [], ", ".join(offered or ()), _names)
        limits = edits.item(root, "checks", LIMITS)
        self.nodes.show_number(limits.get("nodes") or 0)
        most = limits.get("parameters")
        self.parameters.show_number(-1 if most is None else most)
        unknown = [op for op in offered or () if op not in REGISTRY]
        said = f"There is no op {', '.join(unknown)}." if unknown else ""
        self.note.setText(said or "Separate ops by commas. Numbers, subgraphs and dots are free.")

    def _write_text(self, key: str, text: str) -> None:
        edits.set_text(self.workspace.root, key, text)

    def _write(self, name: str, value: int) -> None:
        edits.set_fields(self.workspace.root, ("field", name), **{name: value})

    def _write_course(self, text: str) -> None:
        edits.set_course(self.workspace.root, text)

    def _write_offered(self, text: str) -> None:
        edits.set_fields(self.workspace.root, ("field", "offered"), offered=_names(text) or None)

    def _write_limit(self, name: str, value: int) -> None:
        root = self.workspace.root
        limits = edits.item(root, "checks", LIMITS)
        lowest = self.nodes.minimum() if name == "nodes" else self.parameters.minimum()
        most = None if value == lowest else value
        if not limits:
            edits.add_check(root, LIMITS, **{name: most})
        elif most is None and not {**limits, name: None}.keys() - {"id", "kind", name}:
            edits.drop_item(root, "checks", LIMITS)
        else:
            edits.change_check(root, LIMITS, **{name: most})


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]

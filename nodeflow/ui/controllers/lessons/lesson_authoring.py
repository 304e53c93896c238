"""The author's side of a lesson: menus, marks on nodes, mistakes, and the preview."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QWidget

from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Change
from nodeflow.errors import NodeflowError
from nodeflow.lessons.authoring import edits, mistakes
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.scene.badges import Badge
from nodeflow.ui.controllers.files.file_controller import FileController
from nodeflow.ui.controllers.lessons.lesson_controller import LessonController
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, sentence
from nodeflow.ui.popups.lessons.authoring.lesson_form import LessonForm
from nodeflow.ui.popups.lessons.authoring.mistake_dialog import MistakeDialog

LESSON = "lesson"
"""The kind of the badges on nodes."""
NO_LESSON = Blocked("The graph is no lesson yet.", "lesson_new")
UNTITLED = "New lesson"
OPENED = "This graph is the solution of a lesson."
PREVIEW, END = "Preview as a learner", "End the preview"


class LessonAuthoring(QObject):
    """The actions of the menu Lesson that edit the lesson of the open document.

    Args:
        title: returns the document's name.

    Attributes:
        form: the open form, or None.
    """

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        canvas: CanvasView,
        files: FileController,
        lessons: LessonController,
        messages: Messages,
        actions: ActionSet,
        title: Callable[[], str],
    ) -> None:
        super().__init__(window)
        self._window, self._workspace, self._canvas = window, workspace, canvas
        self._files, self._lessons = files, lessons
        self._messages, self._actions, self._title = messages, actions, title
        self.form: LessonForm | None = None
        self.mistake: MistakeDialog | None = None
        self._author: Document | None = None
        """The document whose solution is known; it stays while a preview is shown."""
        self._solution: Document | None = None
        self._changes_of: tuple[Document, int] | None = None
        self._changes: tuple[str, ...] = ()
        actions.bind(
            {
                "lesson_new": Binding(self.begin, self._new_blocked),
                "lesson_edit": Binding(self.edit, self.blocked),
                "lesson_given": Binding(self._toggle_given, self._given_blocked),
                "lesson_milestone": Binding(self._toggle_milestone, self._node_blocked),
                "lesson_required": Binding(self._toggle_required, self._node_blocked),
                "lesson_solution": Binding(self._take_solution, self._change_blocked),
                "lesson_mistake": Binding(self._ask_mistake, self._change_blocked),
                "lesson_preview": Binding(self._preview, self._preview_blocked),
                "lesson_remove": Binding(self._remove, self.blocked),
            }
        )
        actions.refreshing.connect(self._check)
        workspace.selected.connect(self._check)  # at once, for the context menu
        workspace.edited.connect(self._on_edited)
        workspace.replaced.connect(self._on_replaced)
        workspace.entered.connect(self._show_badges)
        # later: the learner's side goes first, and an opened file dismisses messages
        files.opened.connect(self._on_opened, Qt.ConnectionType.QueuedConnection)

    # ---- conditions ---------------------------------------------------------------------------

    def blocked(self) -> Blocked | None:
        """Return why the open document is no lesson that can be edited, or None."""
        root = self._workspace.root
        if root.locked:
            return Blocked("This view is read-only.")
        if self._lessons.is_preview:
            return Blocked("This is the preview of your lesson.", "lesson_preview")
        if edits.has_solution(root):
            return None
        if self._lessons.running:
            return Blocked("This lesson has no solution. Its author can edit it.")
        return NO_LESSON

    def _new_blocked(self) -> Blocked | None:
        why = self.blocked()
        if why is None:
            return Blocked("The graph is a lesson already.", "lesson_edit")
        if why is not NO_LESSON:
            return why
        return None if self._workspace.root.nodes else Blocked("Draw the solution first.")

    def _given_blocked(self) -> Blocked | None:
        if why := self.blocked():
            return why
        if self._workspace.path:
            return Blocked("A lesson gives whole subgraphs.", "leave")
        return None if self._chosen() else Blocked("Select nodes or a frame.")

    def _node_blocked(self) -> Blocked | None:
        if why := self._given_blocked():
            return why
        if len(self._workspace.selection) != 1:
            return Blocked("Select one node.")
        return None

    def _change_blocked(self) -> Blocked | None:
        if why := self.blocked():
            return why
        if not self.changes():
            return Blocked("This graph is the solution. Change it to draw a mistake.")
        return None

    def _preview_blocked(self) -> Blocked | None:
        return None if self._lessons.is_preview else self.blocked()

    def changes(self) -> tuple[str, ...]:
        """Return how the graph differs from the solution, in words."""
        root = self._workspace.root
        if self._solution is None or root is not self._author:
            return ()
        if self._changes_of != (self._solution, root.revision):
            self._changes_of = (self._solution, root.revision)
            self._changes = mistakes.changes(self._solution, root)
        return self._changes

    # ---- actions ------------------------------------------------------------------------------

    def begin(self) -> None:
        """Make a lesson of the open graph, and show its form."""
        root = self._workspace.root
        edits.begin(root, self._title() if root.path or self._workspace.given_title else UNTITLED)
        self.edit()

    def edit(self) -> None:
        """Show the form of the lesson."""
        if self.form is None:
            self.form = LessonForm(self._window, self._workspace)
            self.form.finished.connect(self._on_form_closed)
        self.form.show()
        self.form.activateWindow()

    def _remove(self) -> None:
        edits.remove(self._workspace.root)

    def _chosen(self) -> list[str]:
        root = self._workspace.root
        chosen = self._workspace.raw_selection
        return [i for i in chosen if i in root.nodes or i in root.frames]

    def _toggle_given(self) -> None:
        root, chosen = self._workspace.root, self._chosen()
        is_given = all(i in edits.given(root) for i in chosen)
        edits.set_given(root, chosen, not is_given)

    def _toggle_milestone(self) -> None:
        edits.toggle_milestone(self._workspace.root, self._selected())

    def _toggle_required(self) -> None:
        edits.toggle_required(self._workspace.root, self._selected())

    def _selected(self) -> str:
        return self._workspace.root.nodes[self._workspace.selection[0]].name

    def _take_solution(self) -> None:
        self._note_solution()
        self._messages.show_status("This graph is the solution")

    def _ask_mistake(self) -> None:
        if self.mistake is None:
            self.mistake = MistakeDialog(self._window, self.changes())
            self.mistake.finished.connect(self._on_mistake)
            self.mistake.open()

    @Slot(int)
    def _on_mistake(self, accepted: int) -> None:
        dialog, self.mistake = self.mistake, None
        if not accepted or dialog is None or self.blocked():
            return
        back = self._solution if dialog.goes_back else None
        mistakes.keep(self._workspace.root, dialog.hint, back)
        done = " The graph is the solution again." if back is not None else ""
        self._messages.show_status(f"Kept the mistake.{done}")

    def _preview(self) -> None:
        if self._lessons.is_preview:
            self._lessons.leave()
            return
        if not self._files.weights.may_leave():
            return
        try:
            self._lessons.preview(self._workspace.root)
        except NodeflowError as error:
            self._messages.show(sentence(error), "error", "lesson_edit", "Edit the lesson")

    # ---- following the document ---------------------------------------------------------------

    def _note_solution(self) -> None:
        self._author = self._workspace.root
        self._solution = mistakes.snapshot(self._author)
        self._actions.refresh_soon()

    @Slot()
    def _on_replaced(self) -> None:
        root = self._workspace.root
        if self.form is not None:
            self.form.reject()
        if self.mistake is not None:
            self.mistake.reject()
        if edits.has_solution(root) and root is not self._author:
            self._note_solution()
        self._show_badges()

    @Slot()
    def _on_opened(self) -> None:
        """Say that an opened file is a lesson, and what its author can do with it."""
        if self._workspace.root.path is not None and self.blocked() is None:
            choices = (("lesson_edit", "Edit the lesson…"), ("lesson_preview", PREVIEW))
            self._messages.show(OPENED, choices=choices)

    @Slot(object)
    def _on_edited(self, change: Change) -> None:
        root = self._workspace.root
        if edits.has_solution(root) and root is not self._author:
            self._note_solution()
        if any(edit.table in (LESSON, "node") for edit in change.edits):
            self._show_badges()

    @Slot(int)
    def _on_form_closed(self, _: int) -> None:
        self.form = None

    @Slot()
    def _show_badges(self) -> None:
        root = self._workspace.root
        shown = edits.has_solution(root) and self._workspace.document is root
        self._canvas.node_state.set_badges(badges_of(root) if shown else {}, LESSON)

    @Slot()
    def _check(self) -> None:
        """Set the check marks for the selection, and the text of the preview."""
        root, chosen = self._workspace.root, self._chosen()
        given = set(edits.given(root))
        names = [root.nodes[i].name for i in chosen if i in root.nodes]
        self._actions["lesson_given"].setChecked(bool(chosen) and given.issuperset(chosen))
        self._actions["lesson_milestone"].setChecked(
            bool(names) and all(edits.is_milestone(root, name) for name in names)
        )
        self._actions["lesson_required"].setChecked(
            bool(names) and all(edits.is_required(root, name) for name in names)
        )
        self._actions.set_text("lesson_preview", END if self._lessons.is_preview else PREVIEW)


def badges_of(document: Document) -> dict[str, Badge]:
    """Return the marks of given, required and milestone nodes, by id."""
    found = {}
    given = set(edits.given(document))
    for record in document.nodes.values():
        marks = {
            "given": record.id in given and "The learner starts with this node.",
            "required": edits.is_required(document, record.name) and "Its value is required.",
            "milestone": edits.is_milestone(document, record.name) and "It is a milestone.",
        }
        said = {word: why for word, why in marks.items() if why}
        if said:
            role = "accent" if "given" not in said else "ink_muted"
            found[record.id] = Badge(" · ".join(said), role, " ".join(map(str, said.values())))
    return found

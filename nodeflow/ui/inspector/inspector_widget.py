"""The inspector panel. It shows one page for the selection, which is replaced only if needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QScrollArea, QVBoxLayout, QWidget

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.datasets.outside_data import outside_place
from nodeflow.document.analysis.frozen_weights import TRAINABLE, learning_nodes
from nodeflow.document.analysis.inference.node_inference import variables_in
from nodeflow.document.analysis.node_flags import has_breakpoint
from nodeflow.document.analysis.picture_answers import picture_input
from nodeflow.document.analysis.subgraphs.loops_and_branches import is_flow
from nodeflow.document.analysis.subgraphs.shared_weights import has_weights
from nodeflow.document.analysis.subgraphs.subgraph_interface import (
    BORDER,
    DEFINITION,
    definition_of,
)
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.edit import commands
from nodeflow.document.edit.offers.fixes import Fix, node_fixes
from nodeflow.document.from_graph.take_apart import layer_fixes
from nodeflow.document.model.records import SUBGRAPH, Change, NodeRecord
from nodeflow.document.to_graph.expansion.expand import Expansion, can_expand
from nodeflow.graph.declaration import Attr, NodeDeclaration
from nodeflow.host.protocol import Preview
from nodeflow.ui.core.state.training_folder import TrainingFolder
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import button, label, line, row
from nodeflow.ui.inspector.editors.attribute_row import AttrRow
from nodeflow.ui.inspector.editors.dataset_source_editor import SourceEditor
from nodeflow.ui.inspector.editors.frame_color_choice import FrameColorEditor
from nodeflow.ui.inspector.editors.text_editors import BlockEditor
from nodeflow.ui.inspector.focus_keeper import kept_focus
from nodeflow.ui.inspector.more import More, MoreButton
from nodeflow.ui.inspector.sections.bounds_section import BoundsSection
from nodeflow.ui.inspector.sections.current_value import CurrentValue
from nodeflow.ui.inspector.sections.dataset_section import DatasetSection
from nodeflow.ui.inspector.sections.formula_section import FormulaSection
from nodeflow.ui.inspector.sections.frozen_section import FrozenSection
from nodeflow.ui.inspector.sections.node_sections import (
    AttributesSection,
    BreakpointNote,
    DeviceNote,
    DeviceSection,
    DocSection,
    NameSection,
    PortsSection,
    ProblemsSection,
    Section,
)
from nodeflow.ui.inspector.sections.plot_toggle import PlotToggle
from nodeflow.ui.inspector.sections.subgraph_section import PortsEditor, SubgraphSection
from nodeflow.ui.inspector.sections.training_files_section import TrainingFilesSection
from nodeflow.ui.inspector.sections.training_section import TrainingSection
from nodeflow.ui.inspector.sections.variables_section import VariablesSection
from nodeflow.ui.inspector.sections.weights_section import WeightsSection

FRAME_ATTRS = (
    Attr("title", "string", "", "The frame's heading."),
    Attr("color", "string", "", "The colour of its ground, border and heading."),
    Attr("note", "string", "", "A text inside the frame: what to know, what to try. Markdown."),
)


class Page(QWidget):
    """A page of the inspector. ``refresh`` shows the current state of the document."""

    node_requested = Signal(str)
    action_requested = Signal(str)
    vary_wanted = Signal(str, str)
    stage_wanted = Signal(str, str)
    signature: tuple
    """A key of everything that the page's widgets depend on. If it changes, the page is
    replaced.
    """

    def __init__(self, parent: QWidget, workspace: Workspace, theme: Theme, more: More) -> None:
        # The parent is set at once, because setting it later would make Qt style the page again.
        super().__init__(parent)
        self.workspace, self.theme, self.more = workspace, theme, more
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(SPACE[3], SPACE[2], SPACE[3], SPACE[4])
        self.body.setSpacing(SPACE[4])

    def refresh(self) -> None:
        raise NotImplementedError

    def show_values(self, values: Mapping[str, Preview]) -> None:
        """Show live values, given by tensor name. Most pages show none."""

    def fold(self) -> None:
        """Hide advanced settings while *More* is closed. Most pages have none."""


class NodePage(Page):
    """The page of one node."""

    def __init__(
        self, parent: QWidget, workspace: Workspace, theme: Theme, more: More, record: NodeRecord
    ) -> None:
        super().__init__(parent, workspace, theme, more)
        self.node = record.id
        self.op = workspace.declaration(record)
        self.name = NameSection(workspace, record, self.op, theme)
        self.problems = ProblemsSection(theme)
        self.attributes = AttributesSection(workspace, record, theme)
        self.attributes.vary_wanted.connect(self.vary_wanted)
        self.attributes.stage_wanted.connect(self.stage_wanted)
        self.attributes.node_requested.connect(self.node_requested)
        self.subgraph = self._make_subgraph(record)
        self.source: AttrRow | None = None
        self.training: TrainingSection | None = None
        self.ports = PortsSection(workspace, record.id, theme)
        self.ports.node_requested.connect(self.node_requested)
        self.body.addWidget(self.name)
        self.body.addWidget(self.problems)
        self.stop = BreakpointNote(theme)
        self.stop.removed.connect(partial(self.action_requested.emit, "breakpoint"))
        self.body.addWidget(self.stop)
        self.plotted = PlotToggle(workspace, record.id)
        self.body.addWidget(self.plotted)
        self.device = DeviceNote(workspace, record.id, theme)
        self.body.addWidget(self.device)
        self.dataset: DatasetSection | None = None
        if record.op == DATASET:
            self.body.addWidget(self._make_source())
            self.dataset = DatasetSection(workspace, record.id)
            self.dataset.action_requested.connect(self.action_requested)
            self.body.addWidget(self.dataset)
        self.current: CurrentValue | None = None
        if record.op == "variable":
            self.current = CurrentValue(workspace, record.id)
            self.body.addWidget(self.current)
        self.body.addWidget(self.attributes)
        self.frozen: FrozenSection | None = None
        if next(learning_nodes(workspace.document, record), None) is not None:
            self.frozen = FrozenSection(workspace, record.id)
            self.body.addWidget(self.frozen)
        self.weights: WeightsSection | None = None
        if has_weights(workspace.document, record):
            self.weights = WeightsSection(workspace, record.id)
            self.weights.node_requested.connect(self.node_requested)
            self.body.addWidget(self.weights)
        if not workspace.path and picture_input(record, workspace.analysis) is not None:
            draw = partial(self.action_requested.emit, "sketch")
            self.draw = button("Draw a picture…", "", draw)
            self.draw.setToolTip("Feed a drawing from the sketch pad")
            self.body.addWidget(self.draw)
        self.variables: VariablesSection | None = None
        if is_optimizer(record.op) and not workspace.path and not workspace.document.locked:
            self.variables = VariablesSection(workspace, record.id)
            self.body.addWidget(self.variables)
        if is_optimizer(record.op) and not workspace.document.locked:
            self.training = TrainingSection(workspace, theme)
            self.training.vary_wanted.connect(self.vary_wanted)
            self.training.stage_wanted.connect(self.stage_wanted)
            self.body.addWidget(self.training)
        self.place: DeviceSection | None = None
        self.bounds: BoundsSection | None = None
        if self.op is not None and self.op.computes and record.op not in (DATASET, *BORDER):
            self.bounds = BoundsSection(workspace, record.id, theme)
            self.body.addWidget(self.bounds)
            self.place = DeviceSection(workspace, record.id, theme)
            self.body.addWidget(self.place)
        self.more_button = MoreButton(more, theme)
        self.body.addWidget(self.more_button, 0, Qt.AlignmentFlag.AlignLeft)
        if self.subgraph is not None:
            self.body.addWidget(self.subgraph)
        if can_expand(workspace.document, record.id) and not workspace.document.locked:
            self.body.addWidget(self._make_inside())
        self.body.addWidget(self.ports)
        self.formula = FormulaSection(workspace, record.id, theme)
        self.body.addWidget(self.formula)
        self.about: DocSection | None = None
        if self.op is not None:
            self.body.addWidget(line())
            self.about = DocSection()
            self.body.addWidget(self.about)
        self.body.addStretch(1)
        self.refresh()

    @property
    def signature(self) -> tuple:
        return (self.node, *signature_of(self.op))

    def refresh(self) -> None:
        record = self.workspace.document.nodes[self.node]
        problems = self.workspace.analysis.problems_of(self.node)
        problems = [*self.workspace.conflicts_at(self.node), *problems]
        self.op = self.workspace.declaration(record)
        self.attributes.show_attrs(self._plain_attrs())
        if self.about is not None and self.op is not None:
            self.about.show_op(self.op)
        rows = {**self.attributes.attr_rows, **({"source": self.source} if self.source else {})}
        inline = [p for p in problems if p.port in rows]
        self.name.show_record(record)
        self.stop.setVisible(has_breakpoint(record))
        self.plotted.show_record(record)
        self.device.show_record(record)
        shown = self.workspace.document, self.workspace.analysis, self.node
        fixes = [
            *self._conflict_fixes(),
            *self._consent_fixes(record),
            *layer_fixes(*shown),
            *node_fixes(*shown),
        ]
        conflicts = self.workspace.conflicts_at(self.node)
        above = [p for p in problems if p not in inline or (p.hint and p not in conflicts)]
        self.problems.show_problems(above, fixes)
        self.attributes.show_record(record, problems)
        if self.source is not None:
            self.source.set_value(record.attrs.get("source", self.source.attr.default))
        if self.dataset is not None:
            self.dataset.refresh()
        if self.training is not None:
            self.training.refresh()
        if self.subgraph is not None:
            self.subgraph.refresh()
        if self.frozen is not None:
            self.frozen.show_record(record)
        if self.weights is not None:
            self.weights.show_record(record)
        if self.place is not None:
            self.place.show_record(record)
        if self.bounds is not None:
            self.bounds.show_record(record)
        self.ports.show_ports()
        self.formula.refresh()
        self.fold()

    def fold(self) -> None:
        parts = (self.attributes, self.training, self.bounds, self.place)
        has_more = [part.fold(self.more.is_open) for part in parts if part is not None]
        self.more_button.setVisible(any(has_more))

    def show_values(self, values: Mapping[str, Preview]) -> None:
        self.attributes.show_values(values)
        if self.current is not None:
            self.current.show_values(values)

    def _conflict_fixes(self) -> list[Fix]:
        """Return a link to the panel where the conflicts of a merge are decided."""
        if not self.workspace.conflicts_at(self.node):
            return []
        show = partial(self.action_requested.emit, "show_problems")
        return [Fix("Decide in the Problems panel", show)]

    def _consent_fixes(self, record: NodeRecord) -> list[Fix]:
        """Return a fix that allows reading data outside the document's folder."""
        place = outside_place(self.workspace.document, record)
        if place is None:
            return []
        return [Fix("Allow", partial(self.workspace.allow, place))]

    def _plain_attrs(self) -> tuple[Attr, ...]:
        op = self.op
        if op is None or op.id in BORDER:
            return ()
        if op.id == SUBGRAPH:  # the settings of a loop or branch; its definition has a section
            own = (DEFINITION, TRAINABLE)  # the weights have a section as well
            return tuple(a for a in op.attrs if not a.hidden and a.name not in own)
        return tuple(
            a for a in op.attrs if not a.hidden and not (op.id == DATASET and a.name == "source")
        )

    def _make_subgraph(self, record: NodeRecord) -> SubgraphSection | PortsEditor | None:
        """Return the section for an instance's definition or for the ports of a subgraph's
        border node, or None.
        """
        document = self.workspace.document
        if record.op in BORDER and document.scope:
            return PortsEditor(document, record.op, self.theme)
        definition = definition_of(document, record) if record.op == SUBGRAPH else None
        if definition is None:
            return None
        without = ("unpack",) if is_flow(record) else ()
        section = SubgraphSection(self.workspace, definition, self.theme, False, without)
        section.action_requested.connect(self.action_requested)
        return section

    def _make_inside(self) -> QWidget:
        """Make the section with the buttons Expand and Unpack, for a node that generates others."""
        section = Section("GENERATED NODES")
        look = button("Expand", "", self._want_expand)
        unpack = button("Unpack", "", self._want_unpack)
        look.setToolTip("Show the nodes generated from this node")
        unpack.setToolTip("Replace this node by its generated nodes, as one undo step")
        holder = QWidget()
        holder.setLayout(row(look, unpack, None, gap=2))
        section.add(holder)
        return section

    def _want_expand(self) -> None:
        self.action_requested.emit("expand")

    def _want_unpack(self) -> None:
        self.action_requested.emit("unpack")

    def _make_source(self) -> QWidget:
        assert self.op is not None
        attr = self.op.attr("source")
        editor = SourceEditor(attr, self.theme, self.workspace.base_dir)
        editor.written.connect(self.workspace.allow_source)
        self.source = AttrRow(attr, self.theme, editor)
        self.source.edited.connect(self.attributes._on_edited)
        self.source.finished.connect(self.attributes._on_finished)
        return self.source


def signature_of(op: NodeDeclaration | None) -> tuple:
    """Return the parts of an op's declaration that the page's widgets depend on."""
    if op is None:
        return ()
    version = id(op) if op.own else 0  # a user's own op may be declared anew
    of = op.title if op.id == SUBGRAPH else ""
    return (op.id, of, version)


class FramePage(Page):
    """The page of a frame: heading, note and colour."""

    def __init__(
        self, parent: QWidget, workspace: Workspace, theme: Theme, more: More, frame_id: str
    ) -> None:
        super().__init__(parent, workspace, theme, more)
        self.frame = frame_id
        section = Section("FRAME")
        self.rows: dict[str, AttrRow] = {}
        for attr in FRAME_ATTRS:
            editor = None
            if attr.name == "note":
                editor = BlockEditor(
                    *(attr, theme, str, str, "What to know, what to try"),
                    mono=False,
                    multiline=True,
                )
            elif attr.name == "color":
                editor = FrameColorEditor(attr, theme)
            row = AttrRow(attr, theme, editor)
            row.edited.connect(self._on_edited)
            row.finished.connect(workspace.document.seal)
            self.rows[attr.name] = row
            section.add(row)
        self.body.addWidget(section)
        self.body.addStretch(1)
        self.refresh()

    @property
    def signature(self) -> tuple:
        return (self.frame,)

    def refresh(self) -> None:
        frame = self.workspace.document.frames[self.frame]
        for name, shown in self.rows.items():
            shown.set_value(getattr(frame, name))

    def _on_edited(self, name: str, value: Any) -> None:
        merge = ("frame", self.frame, name)
        if self.frame in self.workspace.document.frames:
            commands.set_frame(self.workspace.document, self.frame, merge=merge, **{name: value})


class GraphPage(Page):
    """The page without a selection: the whole graph and its training."""

    signature = ("graph",)

    def __init__(self, parent: QWidget, workspace: Workspace, theme: Theme, more: More) -> None:
        super().__init__(parent, workspace, theme, more)
        self._title = label("", "title")
        self._counts = label("", "muted", wrap=True)
        self._hint = label("", "muted", wrap=True)
        self.training: TrainingSection | None = None
        section = Section()
        section.rows.setSpacing(SPACE[1])
        section.add(self._title)
        section.add(self._counts)
        self.body.addWidget(section)
        self.body.addWidget(self._hint)
        self.subgraph: SubgraphSection | None = None
        if workspace.document.scope:
            document = workspace.document
            self.subgraph = SubgraphSection(workspace, document, theme, inside=True)
            self.subgraph.action_requested.connect(self.action_requested)
            self.body.addWidget(self.subgraph)
        if workspace.optimizers:
            self.training = TrainingSection(workspace, theme)
            self.training.vary_wanted.connect(self.vary_wanted)
            self.training.stage_wanted.connect(self.stage_wanted)
            self.body.addWidget(self.training)
            self.body.addWidget(MoreButton(more, theme), 0, Qt.AlignmentFlag.AlignLeft)
        self.body.addStretch(1)
        self.refresh()

    def fold(self) -> None:
        if self.training is not None:
            self.training.fold(self.more.is_open)

    def refresh(self) -> None:
        document = self.workspace.document
        names = self.workspace.path_names
        self._title.setText("/".join(names) or self.workspace.title)
        if self.subgraph is not None:
            self.subgraph.refresh()
        variables = len(variables_in(document))
        parts = [_count(len(document.nodes), "node"), _count(len(document.wires), "wire")]
        if variables:
            parts.append(_count(variables, "variable"))
        self._counts.setText(", ".join(parts))
        empty = "Drag an op from the left onto the canvas, or press Tab there and type its name."
        self._hint.setText("Select a node to see and change it here." if document.nodes else empty)
        if self.training is not None:
            self.training.refresh()
        self.fold()


class DerivedPage(Page):
    """The page without a selection among generated nodes: an explanation of these nodes."""

    signature = ("derived",)

    def __init__(self, parent: QWidget, workspace: Workspace, theme: Theme, more: More) -> None:
        super().__init__(parent, workspace, theme, more)
        document = workspace.document
        assert isinstance(document, Expansion)
        section = Section()
        section.rows.setSpacing(SPACE[1])
        section.add(label(document.owner, "title"))
        section.add(
            label(_count(len(document.nodes) - len(document.outer), "generated node"), "muted")
        )
        self.body.addWidget(section)
        self.body.addWidget(label(_ABOUT_DERIVED.format(owner=document.owner), "muted", wrap=True))
        self.body.addWidget(label(_ABOUT_OUTER, "muted", wrap=True))
        self.body.addStretch(1)

    def refresh(self) -> None:
        """Do nothing, because this page never changes."""


_ABOUT_DERIVED = "These nodes are generated from {owner}. Unpack to edit them."
_ABOUT_OUTER = "Dashed nodes are outside: generated nodes are connected to them."


class ManyPage(Page):
    """The page of several selected nodes."""

    def __init__(
        self,
        parent: QWidget,
        workspace: Workspace,
        theme: Theme,
        more: More,
        ids: tuple[str, ...],
    ) -> None:
        super().__init__(parent, workspace, theme, more)
        self.ids = ids
        self.body.addWidget(label(f"{len(ids)} selected", "title"))
        names = [workspace.document.nodes[i].name for i in ids if i in workspace.document.nodes]
        shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
        self.body.addWidget(label(shown, "muted", wrap=True))
        keys = "Ctrl+D duplicates, Ctrl+G frames, Delete removes them."
        self.body.addWidget(label(keys, "caption", wrap=True))
        self.body.addStretch(1)

    @property
    def signature(self) -> tuple:
        return ("many", *self.ids)

    def refresh(self) -> None:
        """Do nothing, because names do not change while several nodes are selected."""


class Inspector(QScrollArea):
    """The panel with a page for the workspace's selection.

    Signals:
        node_requested(id): show this node.
        action_requested(action id): run this action on the selected node.
        vary_wanted(path, name): edit the values that a sweep tries for an attribute.
        stage_wanted(path, name): put an attribute on the stage, or take it off.
        leave_requested: Escape was pressed; go back to the canvas.
    """

    node_requested = Signal(str)
    action_requested = Signal(str)
    vary_wanted = Signal(str, str)
    stage_wanted = Signal(str, str)
    leave_requested = Signal()

    def __init__(
        self, workspace: Workspace, themes: ThemeManager, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._workspace, self._theme = workspace, themes.theme
        self._page: Page | None = None
        self._more = More()
        self.training_folders: Sequence[TrainingFolder] = ()
        """The choices of folders to show with the training settings."""
        self.live_values: Callable[[], Mapping[str, Preview]] = dict
        """Returns the live values by tensor name."""
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._holder = QWidget()
        """A hidden parent for the pages, because Qt would style a page again if it lost its
        parent.
        """
        self._pages = QVBoxLayout(self._holder)
        self._pages.setContentsMargins(0, 0, 0, 0)
        self.setWidget(self._holder)
        workspace.selected.connect(self._on_selected)
        workspace.replaced.connect(self.rebuild)
        workspace.changed.connect(self._on_changed)
        workspace.analysed.connect(self._on_analysed)
        workspace.saved.connect(self.refresh)
        themes.follow(self.set_theme)

    @property
    def page(self) -> Any:
        """The shown page."""
        return self._page

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.rebuild()

    def set_more(self, more: More) -> None:
        """Show advanced settings while a switch is on.

        All pages share the switch, and the settings of the program keep its state.
        """
        self._more = more
        more.switched.connect(self._on_more)
        self.rebuild()

    def show_values(self) -> None:
        """Show the current live values on the page."""
        if self._page is not None:
            self._page.show_values(self.live_values())

    def rebuild(self) -> None:
        """Replace the page for the selection. For the same node, typed text is kept."""
        self._leave_other()
        with kept_focus(lambda: self._page, self):
            self._replace_page()

    def refresh(self) -> None:
        """Show the current state of the document.

        Replace the page only if it needs other editors.
        """
        self._leave_other()
        with kept_focus(lambda: self._page, self):
            if self._page is not None and self._wanted_signature() == self._page.signature:
                self._page.refresh()
            else:
                self._replace_page()

    def _leave_other(self) -> None:
        """If the page will change, commit the typed text and take over the focus."""
        page, focus = self._page, self.window().focusWidget()
        if page is None or focus is None or not page.isAncestorOf(focus):
            return
        if self._wanted_signature()[0] != page.signature[0]:
            self.setFocus()

    def _replace_page(self) -> None:
        old = self._page
        if old is not None:  # one of its editors may be calling this, so delete it afterwards
            old.hide()
            self._pages.removeWidget(old)
            old.deleteLater()
        self._page = self._make_page()
        self._page.node_requested.connect(self.node_requested)
        self._page.action_requested.connect(self.action_requested)
        self._page.vary_wanted.connect(self.vary_wanted)
        self._page.stage_wanted.connect(self.stage_wanted)
        training = getattr(self._page, "training", None)
        for folder in self.training_folders:
            if training is None:
                break  # the page of a node
            files = TrainingFilesSection(folder, self._theme)
            action = folder.kind.fields["action"]
            files.choose_requested.connect(partial(self.action_requested.emit, action))
            training.add_files(files)
        self._page.fold()
        self.show_values()
        self._pages.addWidget(self._page)
        self._page.show()
        self.verticalScrollBar().setValue(0)
        QApplication.sendEvent(self, QEvent(QEvent.Type.LayoutRequest))  # gives it its size now

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Emit `leave_requested` on Escape, which returns to the canvas."""
        if event.key() == Qt.Key.Key_Escape:
            self.leave_requested.emit()
            return
        super().keyPressEvent(event)

    def focus_first(self) -> None:
        """Focus the editor that users usually need first.

        For a node: its value, else its first attribute, else its name. For a frame: its note.
        """
        if isinstance(self._page, FramePage):
            self._page.rows["note"].editor.focus_widget().setFocus()
            return
        rows = getattr(getattr(self._page, "attributes", None), "attr_rows", {})
        names = [*(n for n in ("value", "sample") if n in rows), *rows]
        shown = [n for n in names if rows[n].isVisibleTo(self)]
        if shown:
            self.focus_attribute(shown[0])
            return
        name = getattr(self._page, "name", None)
        if name is not None:
            name.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
            name.field.selectAll()

    def focus_attribute(self, name: str) -> bool:
        """Focus an attribute's editor. Return False if there is none."""
        row = getattr(getattr(self._page, "attributes", None), "attr_rows", {}).get(name)
        if row is None:
            return False
        row.unfold()
        row.focus_widget.setFocus()
        return True

    def _selected_ids(self) -> tuple[str, ...]:
        document = self._workspace.document
        wanted = self._workspace.raw_selection
        return tuple(i for i in wanted if i in document.nodes or i in document.frames)

    def _wanted_signature(self) -> tuple:
        ids, document = self._selected_ids(), self._workspace.document
        if not ids and document.locked:
            return DerivedPage.signature
        if not ids:
            trained = self._page is not None and getattr(self._page, "training", None) is not None
            has = bool(self._workspace.optimizers)
            return ("graph",) if trained == has else ("graph", has)
        first, *others = ids
        if others:
            return ("many", *ids)
        if first in document.frames:
            return (first,)
        op = self._workspace.declaration(document.nodes[first])
        return (first, *signature_of(op))

    def _make_page(self) -> Page:
        ids, document = self._selected_ids(), self._workspace.document
        context = self._holder, self._workspace, self._theme, self._more
        if not ids and document.locked:
            return DerivedPage(*context)
        if not ids:
            return GraphPage(*context)
        first, *others = ids
        if others:
            return ManyPage(*context, ids)
        if first in document.frames:
            return FramePage(*context, first)
        return NodePage(*context, document.nodes[first])

    def _on_selected(self, _: object) -> None:
        self.refresh()

    def _on_changed(self, change: Change) -> None:
        others = any(e.table != "node" for e in change.edits)
        if others or change.flags_nodes or not change.only_moves:
            self.refresh()

    @Slot()
    def _on_more(self) -> None:
        if self._page is not None:
            self._page.fold()

    def _on_analysed(self, ids: set[str]) -> None:
        if ids & set(self._selected_ids()):
            self.refresh()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

"""The settings of a sweep: the varied attributes, and the method that chooses trials."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QSpinBox, QVBoxLayout, QWidget

from nodeflow.document.edit.sweep_settings import (
    name_of,
    set_sweep,
    spec_texts,
    sweep_of,
    varied,
    vary,
)
from nodeflow.engine.cores import cores
from nodeflow.errors import NodeflowError
from nodeflow.manifests import offer, offers
from nodeflow.number_text import counted
from nodeflow.sweeps.plan import GRID, RANDOM, USUAL_TRIALS, Plan, pruning
from nodeflow.sweeps.value_specs import Spec, spec_of, words
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import (
    ElidedLabel,
    button,
    clear,
    label,
    padded,
    row,
    tool,
)
from nodeflow.ui.core.widgets.plain_tips import plain_tip

SAMPLERS = {GRID: "Every combination", RANDOM: "At random"}
TIPS = {
    GRID: "All combinations of the listed values.",
    RANDOM: "Random values; the same seed gives the same trials.",
}
EMPTY = "Nothing varies yet. Press Add, or the sliders icon beside an attribute in the inspector."
"""The text of an empty sweep. In the inspector, the named button has a sliders icon."""


class SweepSettings(QWidget):
    """The part of the sweep panel that edits the document.

    Signals:
        vary_wanted(path, attribute): edit the values that the sweep tries for this attribute.
        add_wanted(): choose another attribute to vary.
    """

    vary_wanted = Signal(str, str)
    add_wanted = Signal()

    def __init__(self, workspace: Workspace, themes: ThemeManager) -> None:
        super().__init__()
        self._workspace, self._theme = workspace, themes.theme
        self.add = button("Add…", "link", self.add_wanted.emit)
        self.add.setProperty("flush", "true")
        self._rows = QVBoxLayout()
        self._rows.setSpacing(SPACE[1])
        self.sampler = QComboBox()
        self.sampler.setAccessibleName("How trials are chosen")
        self.trials = _spin("Number of trials", 1, 100_000)
        self.seed = _spin("Seed of the draws", 0, 2**31 - 1)
        self.parallel = _spin("Trials that train at the same time", 1, 64)
        self.parallel.setToolTip(
            plain_tip(f"They share the {counted(cores(), 'core')} of this computer.")
        )
        self.prune = QCheckBox("End hopeless trials")
        self.prune.setToolTip(
            "End a trial whose intermediate results are worse than the median of the others."
        )
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setSpacing(SPACE[2])
        for text, field in (
            ("Choose", self.sampler),
            ("Trials", self.trials),
            ("Seed", self.seed),
            ("At once", self.parallel),
            ("", self.prune),
        ):
            self._form.addRow(text, field)
        self.note = label("", "caption", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addLayout(row(label("VARIES", "section"), None, self.add))
        layout.addLayout(self._rows)
        layout.addLayout(self._form)
        layout.addWidget(self.note)
        self.sampler.activated.connect(self._on_sampler)
        self.trials.valueChanged.connect(partial(self._set, "trials"))
        self.seed.valueChanged.connect(partial(self._set, "seed"))
        self.parallel.valueChanged.connect(partial(self._set, "parallel"))
        self.prune.clicked.connect(partial(self._set, "prune"))
        self._shown: object = None
        workspace.replaced.connect(self.refresh)
        workspace.changed.connect(self.refresh)
        themes.follow(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme, self._shown = theme, None
        self.refresh()

    # ---- contents -----------------------------------------------------------------------------

    @property
    def specs(self) -> tuple[Spec, ...]:
        """The variations of the sweep.

        Raises:
            SpecProblem: the file contains an invalid variation.
        """
        found = (spec_of(name, text) for name, text in spec_texts(self._workspace.root).items())
        return tuple(spec for spec in found if spec is not None)

    @property
    def varies(self) -> bool:
        """Whether any attribute varies."""
        return bool(varied(self._workspace.root))

    @property
    def plan(self) -> Plan:
        """The plan of a sweep with the current settings.

        Raises:
            SpecProblem: the settings are invalid.
        """
        sampler = self.sampler.currentData()
        return Plan(
            self.specs,
            sampler,
            self.trials.value(),
            self.seed.value(),
            self.parallel.value(),
            self.prune.isChecked() and sampler in pruning(),
        )

    # ---- showing ------------------------------------------------------------------------------

    @Slot()
    def refresh(self, _: object = None) -> None:
        """Show the document's sweep settings."""
        root = self._workspace.root
        kept, vary_ = sweep_of(root), varied(root)
        names = {key: f"{name_of(root, key[0])}.{key[1]}" for key in vary_}
        content = (dict(kept), names, root.locked)
        if content == self._shown:
            return
        self._shown = content
        clear(self._rows)
        for (path, attr), text in vary_.items():
            self._rows.addWidget(self._row(path, attr, names[path, attr], text))
        if not vary_:
            self._rows.addWidget(label(EMPTY, "caption", wrap=True))
        sampler = kept.get("sampler", RANDOM if self._endless() else GRID)
        fields = (self.sampler, self.trials, self.seed, self.parallel)
        blockers = [QSignalBlocker(field) for field in fields]
        self._fill_samplers(sampler)
        self.trials.setValue(kept.get("trials", USUAL_TRIALS))
        self.seed.setValue(kept.get("seed", 1))
        self.parallel.setValue(kept.get("parallel", 1))
        del blockers
        self.prune.setChecked(bool(kept.get("prune")))
        for field in (self.trials, self.seed):
            self._form.setRowVisible(field, sampler != GRID)
        self._form.setRowVisible(self.prune, sampler in pruning())
        self.note.setText(self._note(sampler))
        self.note.setVisible(bool(self.note.text()))

    def _fill_samplers(self, chosen: str) -> None:
        """List the available methods that choose trials, and the document's own even if it is
        not available.
        """
        known = [(name, text, TIPS[name]) for name, text in SAMPLERS.items()]
        known += [(each.name, each.label, each.fields["tip"]) for each in offers("sampler")]
        if chosen not in [name for name, *_ in known]:
            known.append((chosen, chosen, "The graph names it, but it is not here."))
        if [self.sampler.itemData(n) for n in range(self.sampler.count())] != [
            k for k, *_ in known
        ]:
            self.sampler.clear()
            for number, (name, text, tip) in enumerate(known):
                self.sampler.addItem(text, name)
                self.sampler.setItemData(number, plain_tip(tip), Qt.ItemDataRole.ToolTipRole)
        self.sampler.setCurrentIndex(self.sampler.findData(chosen))

    def _endless(self) -> bool:
        try:
            return any(spec.all is None for spec in self.specs)
        except NodeflowError:
            return False

    def _note(self, sampler: str) -> str:
        """Return a note about a method: the number of combinations, or a missing requirement."""
        if sampler == RANDOM:
            return ""
        try:
            if sampler != GRID:
                offer("sampler", sampler, SAMPLERS).integration.check_software()
                return ""
            counts = [len(spec.all or ()) for spec in self.specs]
        except NodeflowError as error:
            return error.text("window")
        total = 1
        for each in counts:
            total *= each
        if not counts:
            return ""
        return counted(total, "trial") if total else "A range is endless. Choose At random."

    def _row(self, path: str, attr: str, name: str, text: str) -> QWidget:
        result = QWidget()
        edit = button(name, "link", partial(self.vary_wanted.emit, path, attr))
        edit.setProperty("flush", "true")
        edit.setToolTip(plain_tip(f"{name}: {text}"))
        remove = tool("x", f"Do not vary {name}", self._theme)
        remove.clicked.connect(partial(self._on_remove, path, attr))
        top = row(edit, None, remove, gap=1)
        layout = QVBoxLayout(result)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(ElidedLabel(words(text), "caption"))
        return result

    # ---- editing ------------------------------------------------------------------------------

    def _on_remove(self, path: str, attr: str, _: bool = False) -> None:
        vary(self._workspace.root, path, attr, None)

    def _on_sampler(self, _: int) -> None:
        self._set("sampler", self.sampler.currentData())

    def _set(self, name: str, value: object) -> None:
        set_sweep(self._workspace.root, **{name: value})


def _spin(name: str, least: int, most: int) -> QSpinBox:
    result = padded(QSpinBox())
    result.setAccessibleName(name)
    result.setToolTip(plain_tip(name))
    result.setRange(least, most)
    return result

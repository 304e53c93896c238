"""Trained weights: saving and loading them, asking before they are lost, and copies for a crash.

Weights are not part of the document. They are unsaved from the first step of a training until
they are written, loaded from a file, or reset.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from PySide6.QtCore import QEventLoop, QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from nodeflow.document.analysis.datasets.outside_data import outside_weights
from nodeflow.document.edit import commands
from nodeflow.document.io.atomic_write import write_atomically
from nodeflow.document.io.journal import Journal
from nodeflow.errors import FileProblem, NodeflowError
from nodeflow.host import protocol as p
from nodeflow.number_text import counted
from nodeflow.train.events import Diverged, Done, Epoch, Event
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, sentence
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from nodeflow.ui.popups.dialogs.load_weights_dialog import ask_assign_weights

log = logging.getLogger("nodeflow")

SUFFIX = ".safetensors"
FILTER = f"Weights (*{SUFFIX})"
OPEN_FILTER = f"Weights (*{SUFFIX} *.npz)"
KEEP_SECONDS = 30.0
"""Minimum seconds between copies of the weights for recovery during a training."""


def weights_of(document: Path, weights: str) -> str:
    """Return a new weights file for a document that was saved under another name.

    If both documents named one file, weights trained in the copy would replace the original's.

    Args:
        weights: the file that the document has named so far.
    """
    return PurePosixPath(weights).with_name(f"{document.stem}{SUFFIX}").as_posix()


class LearnedWeights(QObject):
    """Save weights…, Load weights…, and the check for unsaved weights.

    Attributes:
        journal: the open document's journal, beside which unsaved weights are kept.

    Args:
        name: returns the open document's name.
        save_document: saves the document.
    """

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        link: EngineLink,
        settings: Settings,
        messages: Messages,
        actions: ActionSet,
        name: Callable[[], str],
        save_document: Callable[[], object],
    ) -> None:
        super().__init__(window)
        self._window, self._workspace, self._link = window, workspace, link
        self._settings, self._messages = settings, messages
        self._name, self._save_document = name, save_document
        self.journal: Journal | None = None
        self._unsaved = False
        self._kept_at = 0.0
        self._saving: dict[int, Path] = {}
        self._checking = -1
        self._recovering = self._assigning = -1
        self._returning = -1
        link.training.connect(self._on_event)
        link.done.connect(self._on_done)
        link.died.connect(self._forget)
        link.restarted.connect(self._on_restarted)
        workspace.replaced.connect(self._forget)
        workspace.saved.connect(self._on_document_saved)
        actions.bind(
            {
                "save_weights": Binding(self.save, self._save_blocked),
                "load_weights": Binding(self.load, self._load_blocked),
            }
        )

    @property
    def is_unsaved(self) -> bool:
        """Whether the engine holds trained weights that are in no file."""
        if not self._link.is_up:
            return self.are_kept
        return self._unsaved or self._link.is_training

    @property
    def loss(self) -> str:
        """A sentence about trained weights that would be lost; empty if none would be."""
        if not self.is_unsaved:
            return ""
        if self._link.is_training:
            return "A training is running, and its weights are not saved."
        return "The trained weights are not saved."

    def discard(self) -> None:
        """Discard the trained weights without asking."""
        self._settle(False)

    # ---- actions ----------------------------------------------------------------------------

    def _save_blocked(self) -> Blocked | None:
        if not self._workspace.has_variables:
            return Blocked("The graph has no variables.")
        return None

    def save(self) -> None:
        """Write the variables to a file that the user chooses."""
        path = self._ask_path()
        if path is not None:
            self._save_to(path)

    def _ask_path(self) -> Path | None:
        document = self._workspace.root
        start = document.path or self._settings.last_folder() / self._name()
        chosen, _ = QFileDialog.getSaveFileName(
            self._window, "Save the weights", str(start.with_suffix(SUFFIX)), FILTER
        )
        path = Path(chosen)
        return (path if path.suffix else path.with_suffix(SUFFIX)) if chosen else None

    def _save_to(self, path: Path) -> int:
        """Write the weights. If the file is in the document's folder, the document names it
        from then on.
        """
        request = self._link.save_weights(str(path))
        self._saving[request] = path
        self._remember(path)
        return request

    def _remember(self, path: Path) -> None:
        document = self._workspace.root
        if document.path is not None and path.is_relative_to(document.path.parent):
            name = path.relative_to(document.path.parent).as_posix()
            if document.weights != name:
                commands.set_weights(document, name)

    def carry(self, before: Path) -> None:
        """Copy the weights file after the document was saved under another name.

        Do nothing if the engine has trained or loaded weights, because saving writes these.

        Args:
            before: the weights file that the document named until now.
        """
        document = self._workspace.root
        if self._link.has_trained or not document.weights or not document.path:
            return
        after = document.path.parent / document.weights
        if before == after or not before.is_file() or outside_weights(document) is not None:
            return
        try:
            after.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(after, before.read_bytes())
        except (NodeflowError, OSError) as error:
            text = sentence(error) if isinstance(error, NodeflowError) else str(error)
            self._messages.show(f"The weights were not saved: {text}", "warning")

    def _load_blocked(self) -> Blocked | None:
        if self._link.is_training:
            return Blocked("A training is running.", "stop")
        return self._save_blocked()

    def load(self) -> None:
        """Set the variables from a file. If some do not fit, list these first."""
        document = self._workspace.root
        folder = document.path.parent if document.path else self._settings.last_folder()
        chosen, _ = QFileDialog.getOpenFileName(
            self._window, "Load weights", str(folder), f"{OPEN_FILTER};;All files (*)"
        )
        if chosen:
            self.load_from(Path(chosen))

    def load_from(self, path: Path) -> None:
        """Load the weights of a given file, in the same way as `load`."""
        if self.may_replace():
            self._checking = self._link.check_weights(str(path))

    def may_replace(self) -> bool:
        """Ask before unsaved weights are replaced. Return False if the user keeps them."""
        return not self._unsaved or self._ask()

    # ---- saving before leaving --------------------------------------------------------------

    def may_leave(self, *also: str) -> bool:
        """Ask about unsaved weights and other work that would end.

        Return False if the user stays.
        """
        return not self.is_unsaved or self._ask(*also)

    def save_beside(self) -> bool:
        """Save trained weights beside the document's file, or in a file that the user chooses.

        Return whether they were saved.
        """
        document = self._workspace.root
        if document.path is None:
            path = self._ask_path()
        elif document.weights and outside_weights(document) is None:
            path = document.path.parent / document.weights
        else:
            path = _free(document.path.with_suffix(SUFFIX))
        return path is not None and self._save_and_wait(path)

    def _ask(self, *also: str) -> bool:
        answer = confirmation_dialogs.ask_unsaved_weights(self._window, self._name(), *also)
        if answer != confirmation_dialogs.SAVE:
            return answer == confirmation_dialogs.DISCARD
        path = self._ask_path()
        return path is not None and self._save_and_wait(path)

    def _save_and_wait(self, path: Path) -> bool:
        """Save the weights, and wait until the file is written. Return False on failure.

        An unmodified document is saved again, because it names the weights file from now on. If
        the engine does not answer, the last copy of the weights is saved.
        """
        if not self._link.is_up or self._link.watch.is_silent:
            return self._copy_kept(path)
        document = self._workspace.root
        was_saved = not document.is_modified
        loop = QEventLoop(self)
        answers: list[Any] = []

        def on_answer(message: Any) -> None:
            if getattr(message, "request", None) == request:
                answers.append(message)
                loop.quit()

        def on_died(*_: Any) -> None:
            loop.quit()

        def on_silence(silent: bool) -> None:
            if silent:
                loop.quit()  # keep the window open; it shows the problem

        for signal, slot in (
            (self._link.done, on_answer),
            (self._link.failed, on_answer),
            (self._link.died, on_died),
            (self._link.watch.changed, on_silence),
        ):
            signal.connect(slot)
        request = self._save_to(path)
        loop.exec()
        for signal, slot in (
            (self._link.done, on_answer),
            (self._link.failed, on_answer),
            (self._link.died, on_died),
            (self._link.watch.changed, on_silence),
        ):
            signal.disconnect(slot)
        written = any(isinstance(message, p.WeightsSaved) for message in answers)
        if written and was_saved and document.is_modified and document.path is not None:
            self._save_document()
        return written

    def _copy_kept(self, path: Path) -> bool:
        kept = self.journal.kept_weights if self.journal is not None else None
        try:
            if kept is None:
                raise FileProblem("there is no copy of the weights", hint="Wait for the engine.")
            shutil.copyfile(kept, path)
        except (FileProblem, OSError) as error:
            text = sentence(error) if isinstance(error, FileProblem) else str(error)
            self._messages.show(f"The weights were not saved: {text}", "error")
            return False
        self._remember(path)
        return True

    # ---- answers of the engine --------------------------------------------------------------

    @Slot(object)
    def _on_event(self, event: Event) -> None:
        if isinstance(event, Epoch):
            self._unsaved = True
            if time.monotonic() - self._kept_at > KEEP_SECONDS:
                self._keep()
        elif isinstance(event, Done) and event.steps:
            self._unsaved = True
            self._keep()
        elif isinstance(event, Diverged):
            self._unsaved = self._unsaved or event.kept_epoch > 0
            self._keep()

    @Slot(object)
    def _on_done(self, message: Any) -> None:
        if isinstance(message, p.WeightsSaved):
            if message.request in self._saving:
                path = self._saving.pop(message.request)
                self._messages.show_status(f"Saved the weights to {path.name}")
                self._settle(bool(self._link.is_training))
        elif isinstance(message, p.WeightsChecked) and message.request == self._checking:
            self._on_checked(message)
        elif isinstance(message, p.WeightsLoaded):
            self._on_loaded(message)
        elif isinstance(message, p.VariablesInitialized):
            self._settle(False)

    def _on_checked(self, message: p.WeightsChecked) -> None:
        path = Path(message.path)
        if message.match.is_complete:
            self._link.load_weights(message.path)
            if self._workspace.root.weights is None:
                self._remember(path)
            return
        taken = ask_assign_weights(self._window, path.name, message)
        if taken:
            self._assigning = self._link.load_weights(message.path, taken)

    def bring_back(self, path: Path) -> None:
        """Load learned values that a training replaced. They count as unsaved again."""
        self._returning = self._link.load_weights(str(path))

    def _on_loaded(self, message: p.WeightsLoaded) -> None:
        count, name = len(message.match.found), Path(message.path).name
        if message.request == self._returning:
            self._unsaved, self._returning = True, -1
            self._messages.show_status("The learned values are back")
            return
        if message.request == self._recovering:
            self._unsaved, self._recovering = True, -1
            self._messages.show_status("Recovered unsaved work; save it to keep it")
            return
        if self._recovering >= 0:
            return  # weights of the document's file, which the unsaved ones replace next
        # Only a newly chosen file contains the weights under the document's present names.
        self._settle(message.request == self._assigning)
        self._messages.show_status(f"Loaded {counted(count, 'variable')} from {name}")
        is_automatic = self._checking < 0 and not message.match.is_complete
        if is_automatic:
            text = " ".join(confirmation_dialogs.unmatched(message.match))
            self._messages.show(f"{name} fits this graph only partly. {text}", "warning")
        self._checking = -1
        log.info("loaded %d variables from %s", count, message.path)

    def _settle(self, unsaved: bool) -> None:
        self._unsaved = unsaved
        if not unsaved and self.journal is not None:
            self.journal.drop_weights()

    @Slot()
    def _forget(self, *_: Any) -> None:
        """Forget the weights, because another document is open or the engine ended."""
        self._unsaved = False
        self._saving.clear()
        self._checking = self._recovering = self._assigning = -1

    @Slot()
    def _on_document_saved(self) -> None:
        """Also write the trained weights when a document that names a weights file is saved."""
        document = self._workspace.root
        if document.weights and document.path and self._link.has_trained:
            outside = outside_weights(document)
            if outside is not None:  # a link would write the weights elsewhere
                text = f"The weights were not saved: {outside} is outside the document's folder."
                self._messages.show(text, "warning", "allow_all_data", "Allow")
                return
            path = document.path.parent / document.weights
            self._saving[self._link.save_weights(str(path))] = path
        elif self._unsaved:
            self._keep()  # the journal is a new one

    # ---- for a crash ------------------------------------------------------------------------

    def _keep(self) -> None:
        """Let the engine write the weights beside the journal."""
        path = self.journal.keep_weights() if self.journal is not None else None
        if path is not None and self._unsaved:
            self._kept_at = time.monotonic()
            self._link.keep_weights(str(path))

    @property
    def are_kept(self) -> bool:
        """Whether there is a copy of the unsaved weights, written at the end of an epoch."""
        return self.journal is not None and self.journal.kept_weights is not None

    @Slot()
    def _on_restarted(self) -> None:
        """Load the copy of the trained weights into a restarted engine."""
        self._forget()
        kept = self.journal.kept_weights if self.journal is not None else None
        if kept is not None:
            self.recover(kept)

    def recover(self, path: Path) -> None:
        """Load the weights that a crash left behind. They stay unsaved."""
        self._recovering = self._link.load_weights(str(path))


def _free(path: Path) -> Path:
    """Return an unused path, such as ``digits-2.safetensors``."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found

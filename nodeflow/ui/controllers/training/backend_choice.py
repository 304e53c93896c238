"""The user's choice between nodeflow's own engine and other backends for trainings."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Slot

from nodeflow.engine.backend import NUMBA, backends
from nodeflow.errors import NodeflowError
from nodeflow.host.protocol import SetBackend
from nodeflow.manifests import offer, offers
from nodeflow.train.events import Started
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.user_messages import Messages, remark


class BackendChoice(QObject):
    """The user's choice of a backend, sent to the engine at the start and whenever it changes.

    If the chosen backend is not available, the choice is kept, but nodeflow's own engine trains.
    """

    def __init__(
        self,
        parent: QObject,
        link: EngineLink,
        settings: Settings,
        messages: Messages,
        actions: ActionSet,
    ) -> None:
        super().__init__(parent)
        self._link, self._settings, self._actions = link, settings, actions
        self._messages = messages
        others = [each.name for each in offers("backend")]
        self._names = backends() if others else ()
        self._missing = {name: _problem(name) for name in {settings.backend, *others}}
        self._is_said = False
        actions.bind(
            {
                f"train_with_{name}": Binding(
                    partial(self._choose, name), partial(self._blocked, name)
                )
                for name in self._names
            }
        )
        actions.refreshing.connect(self._check)
        link.training.connect(self._on_training)
        if self._used() != NUMBA:
            link.set(SetBackend(settings.backend))

    def _blocked(self, name: str) -> Blocked | None:
        problem = self._missing.get(name)
        return None if problem is None else Blocked(remark(problem))

    def _choose(self, backend: str) -> None:
        self._settings.backend = backend
        self._link.set(SetBackend(backend))
        self._actions.refresh_now()

    def _used(self) -> str:
        """Return the backend that trains: the chosen one if it is installed, otherwise numba."""
        chosen = self._settings.backend
        return NUMBA if self._missing.get(chosen) is not None else chosen

    def _check(self) -> None:
        used = self._used()
        for name in self._names:
            self._actions[f"train_with_{name}"].setChecked(used == name)

    @Slot(object)
    def _on_training(self, event: object) -> None:
        """When a training begins without the chosen backend, show a message about it, once."""
        problem = self._missing.get(self._settings.backend)
        if isinstance(event, Started) and problem is not None and not self._is_said:
            self._is_said = True
            self._messages.show(
                f"Training with nodeflow's own engine, because {remark(problem)}", "warning"
            )


def _problem(name: str) -> NodeflowError | None:
    """Return the reason why a backend cannot be used on this computer, or None."""
    if name == NUMBA:
        return None
    try:
        offer("backend", name, [NUMBA]).integration.check_software()
    except NodeflowError as error:
        return error
    return None

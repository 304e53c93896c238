"""The user's choice between nodeflow's own engine and JAX for trainings."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject

from nodeflow.engine.jax.errors import GET_IT, is_installed
from nodeflow.engine.runtime.context import BACKENDS, Backend
from nodeflow.host.protocol import SetBackend
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.core.engine.link import EngineLink
from nodeflow.ui.core.settings import Settings


class BackendChoice(QObject):
    """The setting, sent to the engine at the start and at every change."""

    def __init__(
        self, parent: QObject, link: EngineLink, settings: Settings, actions: ActionSet
    ) -> None:
        super().__init__(parent)
        self._link, self._settings, self._actions = link, settings, actions
        self._has_jax = is_installed()
        actions.bind(
            {
                "train_with_numba": Binding(partial(self._choose, "numba")),
                "train_with_jax": Binding(partial(self._choose, "jax"), self._without_jax),
            }
        )
        actions.refreshing.connect(self._check)
        if settings.backend != "numba" and self._has_jax:
            link.set(SetBackend(settings.backend))

    def _without_jax(self) -> Blocked | None:
        return None if self._has_jax else Blocked(f"JAX is not installed. {GET_IT}")

    def _choose(self, backend: Backend) -> None:
        self._settings.backend = backend
        self._link.set(SetBackend(backend))
        self._actions.refresh_now()

    def _check(self) -> None:
        chosen = self._settings.backend if self._has_jax else "numba"
        for backend in BACKENDS:
            self._actions[f"train_with_{backend}"].setChecked(chosen == backend)

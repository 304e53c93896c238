"""The views that the engine computes for the window whenever values change."""

from __future__ import annotations

from nodeflow.host import protocol as p
from nodeflow.ui.core.engine_link.channel import EngineChannel


class WatchedViews:
    """The views of tensors that the engine computes for the window whenever values change.

    The object also has the number of the last request for them.
    """

    def __init__(self, channel: EngineChannel) -> None:
        self._channel = channel
        self._specs: tuple[p.ViewSpec, ...] = ()
        self._request = 0

    @property
    def any(self) -> bool:
        """Return whether any view is being watched."""
        return bool(self._specs)

    def watch(self, specs: tuple[p.ViewSpec, ...]) -> None:
        """Replace the watched views, and ask the engine for them."""
        if specs != self._specs:
            self._specs = specs
            self.ask_again()

    def ask_again(self) -> None:
        """Ask for the views under a new request number, so that earlier answers are ignored."""
        if self._specs or self._request:
            self._request = self._channel.next()
            self._channel.send(p.WatchViews(self._specs, self._request))

    def awaits(self, view: p.ViewValue) -> bool:
        """Return whether an arrived view is expected: it answers the last request or is still
        watched.
        """
        return view.request >= self._request or view.spec in self._specs

    def forget(self) -> None:
        """Watch nothing, because another document is open."""
        self._specs, self._request = (), 0

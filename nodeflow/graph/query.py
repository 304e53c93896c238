"""Questions about a session that can be fetched like tensors: whether variables have values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nodeflow.graph.default_session import session_for


@dataclass(frozen=True)
class Query:
    """What `Session.run` answers from its own state, as it is when the run begins.

    Attributes:
        name: what it is called in errors.
        ask: gives the answer for a session.
    """

    name: str
    ask: Callable[[Any], Any]

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """The answer in a session or the default one.

        Raises:
            RunError: there is no session.
        """
        return session_for(session, self.name, "eval").run(self, feed_dict)

"""Questions about a session that can be fetched like tensors: whether variables have values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nodeflow.graph.session_hooks.default_session import session_for


@dataclass(frozen=True)
class Query:
    """A question that `Session.run` answers from its state at the start of the run.

    Attributes:
        name: name in errors.
        ask: a function that returns the answer for a session.
    """

    name: str
    ask: Callable[[Any], Any]

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Return the result of running this query, in the given session or the default session.

        Raises:
            RunError: there is no session.
        """
        return session_for(session, self.name, "eval").run(self, feed_dict)

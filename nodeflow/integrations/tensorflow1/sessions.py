"""`tf.Session` and `tf.InteractiveSession`, with TensorFlow 1's order of arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.engine import session
from nodeflow.engine.config import ConfigProto
from nodeflow.engine.fetches import as_target
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.errors import AssignOrderError, GraphError, a_type
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.integrations.tensorflow1.graph_files.graph_defs import GraphDef
from nodeflow.integrations.tensorflow1.texts import as_fed, texts_in, without_texts

__all__ = ["InteractiveSession", "Session"]


def _check(target: Any) -> None:
    """Check the argument ``target`` of a session.

    Raises:
        GraphError: it is not a string, such as a graph passed by position.
    """
    if not isinstance(target, (str, bytes)):
        hint = "Write tf.Session(graph=graph)."
        raise GraphError(f"target must be a text, not {a_type(target)}", hint=hint)


class _InOrder(session.Session):
    """A session that runs fetched assigns to one variable in the order of the fetches.

    TensorFlow runs them in any order. nodeflow's own sessions refuse such fetches.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._split: dict[tuple[Any, ...], list[list[int]]] = {}

    @property
    def graph_def(self) -> GraphDef:
        """The nodes that the graph has now."""
        return GraphDef(self.graph)

    def run(self, fetches: Any, feed_dict: Any = None, *args: Any, **options: Any) -> Any:
        """Compute the fetches. If a list contains assigns to one variable, use several runs."""
        feed_dict = as_fed(self.graph, feed_dict)
        if texts_in(fetches):
            tensors: list[Any] = []
            values_of = without_texts(fetches, tensors)
            return values_of(
                self._computed(tensors, feed_dict, *args, **options) if tensors else []
            )
        return self._computed(fetches, feed_dict, *args, **options)

    def _computed(self, fetches: Any, feed_dict: Any, *args: Any, **options: Any) -> Any:
        """Run fetches without constant texts."""
        if not isinstance(fetches, (list, tuple)) or not all(map(_is_single, fetches)):
            return super().run(fetches, feed_dict, *args, **options)
        runs = self._split.get(tuple(fetches))
        if runs is None:
            try:
                return super().run(fetches, feed_dict, *args, **options)
            except AssignOrderError:
                runs = self._split[tuple(fetches)] = self._runs(fetches)
        if len(runs) == 1:
            return super().run(fetches, feed_dict, *args, **options)
        values: list[Any] = [None] * len(fetches)
        for places in runs:
            found = super().run([fetches[i] for i in places], feed_dict, *args, **options)
            for place, value in zip(places, found, strict=True):
                values[place] = value
        return values

    def _runs(self, fetches: Sequence[Any]) -> list[list[int]]:
        """Divide the fetches among as few runs as possible, so that no run assigns twice to a
        variable. Return the positions of each run's fetches.
        """
        targets = [as_target(self.graph, fetch) for fetch in fetches]
        runs, left = [], list(range(len(fetches)))
        while left:
            now: list[int] = []
            for place in left:
                try:
                    build_schedule([targets[i] for i in (*now, place)], ())
                except AssignOrderError:
                    continue
                now.append(place)
            if not now:  # a fetch that conflicts with itself
                return [list(range(len(fetches)))]
            runs.append(now)
            left = [place for place in left if place not in now]
        return runs


def _is_single(fetch: Any) -> bool:
    """Return whether a fetch is a name, a tensor or a node."""
    return isinstance(fetch, (str, Tensor, Node))


class Session(_InOrder):
    """A session whose first argument is a target.

    It has no effect, because a session runs in this process.
    """

    def __init__(
        self,
        target: str = "",
        graph: Graph | None = None,
        config: ConfigProto | None = None,
        **options: Any,
    ) -> None:
        _check(target)
        super().__init__(graph, config=config, **options)


class InteractiveSession(session.InteractiveSession, _InOrder):
    """An interactive session whose first argument is a target, which has no effect."""

    def __init__(
        self,
        target: str = "",
        graph: Graph | None = None,
        config: ConfigProto | None = None,
        **options: Any,
    ) -> None:
        _check(target)
        super().__init__(graph, config=config, **options)

"""The declaration of a kind of view, and the discovery of all kinds by the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nodeflow.discovery import declared
from nodeflow.errors import NodeflowError
from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views import kinds

if TYPE_CHECKING:
    from nodeflow.host.views.value_source import ViewSource


class ViewProblem(NodeflowError):
    """A view for which there is nothing to draw; the message is shown in place of the view.

    Remedy: Choose another view, or another tensor.
    """


@dataclass(frozen=True)
class ViewKind:
    """The declaration of a kind of view.

    Attributes:
        id: the same as in `ViewSpec.kind`.
        compute: returns the data to draw, as a frozen dataclass of small arrays; raises
            NodeflowError.
        interval: seconds between two pictures of a training, if its budget allows.
        rest: minimum seconds between two pictures outside a training.
        follows_rows: whether it depends on the rows that the nodes show.
    """

    id: str
    compute: Callable[[ViewSource, ViewSpec], Any]
    interval: float = 0.1
    rest: float = 0.0
    follows_rows: bool = False


@lru_cache(maxsize=1)
def discover_kinds() -> Mapping[str, ViewKind]:
    """Return all kinds of views by id. Each module in the package `kinds` declares one as `KIND`.

    Raises:
        ValueError: two kinds have one id.
    """
    return MappingProxyType({kind.id: kind for kind in declared(kinds, "KIND")})

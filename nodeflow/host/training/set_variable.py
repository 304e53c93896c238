"""Setting a variable of a running training to a value that the user gives, after checks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nodeflow.document.to_graph.variable_ids import VariableId
from nodeflow.engine.feeds import as_array
from nodeflow.engine.session import Session
from nodeflow.errors import FeedError, GraphError
from nodeflow.graph.types import number_kind
from nodeflow.host.messages.overrides import SetVariable
from nodeflow.train.control import Control


def change_variable(
    request: SetVariable,
    control: Control | None,
    session: Session | None,
    here: Mapping[str, VariableId],
    trained: Mapping[str, VariableId],
    allow_nonfinite: bool,
) -> None:
    """Set a variable of a training before its next step.

    Args:
        here, trained: the ids of variables by name, in the current document and in the training.
        allow_nonfinite: whether the value may be infinite or not a number.

    Raises:
        GraphError: no training runs, or the training has no such variable.
        FeedError: the value does not have the variable's dtype and shape, or is not finite.
    """
    if control is None or session is None:
        raise GraphError("no training is running", hint="Start one, or pause it, first.")
    known = here.get(request.name)
    name = next((n for n, id in trained.items() if id == known), None) if known else None
    if name is None or name not in session.graph:
        raise GraphError(
            "the training that runs has no such variable",
            node=request.name,
            hint="It was added later; train again to have it.",
        )
    value = as_array(session.graph.tensor(name), request.value)
    is_number = number_kind(value.dtype) in "fc"
    if is_number and not allow_nonfinite and not np.isfinite(value).all():
        raise FeedError(
            "the value is infinite or not a number, which would end the training",
            node=request.name,
            hint="Give it finite numbers.",
        )
    control.set_variable(name, value)

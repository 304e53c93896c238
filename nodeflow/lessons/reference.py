"""The values that answers are compared with: the solution's, and those of typical mistakes.

A teacher's file computes them. A student's copy stores them as arrays for the public inputs.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from nodeflow.document.io import flow
from nodeflow.document.io.flow_parsing import FORMAT, VERSION
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError, a_type
from nodeflow.graph.types import dtype_name, numpy_dtype
from nodeflow.lessons.checks.check import Quantity
from nodeflow.lessons.errors import LessonProblem
from nodeflow.lessons.probes import Case
from nodeflow.lessons.schema import Lesson, Twin
from nodeflow.lessons.tested_graph import TestedGraph

SOLUTION = "solution"
"""The owner of the solution's values in a student's copy."""
LARGEST = 1 << 20
"""Elements of the largest stored array."""


class Reference(Protocol):
    """The values of a lesson on its cases."""

    def expected(self, quantity: Quantity, case: Case) -> np.ndarray:
        """Return the value that the lesson's solution has for a tensor or gradient, for a case.

        Raises:
            NodeflowError: the solution has no such value.
        """
        ...

    def mistaken(self, twin: Twin, quantity: Quantity, case: Case) -> np.ndarray | None:
        """Return the value that a typical mistake gives to a quantity for a case. Return None if it
        gives none.
        """
        ...

    def close(self) -> None: ...


class Computed(Reference):
    """The values of a teacher's file, computed when first needed."""

    def __init__(self, document: Document, lesson: Lesson) -> None:
        self._document = document
        self._solution = TestedGraph(document)
        self._twins: dict[str, TestedGraph | None] = {}
        self._lesson = lesson

    def expected(self, quantity: Quantity, case: Case) -> np.ndarray:
        return quantity.of(self._solution, case)

    def mistaken(self, twin: Twin, quantity: Quantity, case: Case) -> np.ndarray | None:
        if twin.graph is None:
            return None
        if twin.id not in self._twins:
            self._twins[twin.id] = TestedGraph(twin_document(self._document, twin))
        try:
            return quantity.of(self._twins[twin.id], case)  # type: ignore[arg-type]
        except NodeflowError:  # the mistake has no such value on this input
            return None

    def close(self) -> None:
        for graph in (self._solution, *self._twins.values()):
            if graph is not None:
                graph.close()


class Stored(Reference):
    """The arrays of a student's copy.

    Raises:
        LessonProblem: an array is malformed.
    """

    def __init__(self, lesson: Lesson, cases: list[Case]) -> None:
        self._data: Mapping[str, Any] = lesson.expected or {}
        self._numbers = {case: number for number, case in enumerate(cases)}

    def expected(self, quantity: Quantity, case: Case) -> np.ndarray:
        found = self._array(SOLUTION, quantity, case)
        if found is None:
            raise LessonProblem(f"lesson.expected: there is no value of {quantity.text}")
        return found

    def mistaken(self, twin: Twin, quantity: Quantity, case: Case) -> np.ndarray | None:
        return self._array(twin_key(twin), quantity, case)

    def close(self) -> None:
        pass

    def _array(self, owner: str, quantity: Quantity, case: Case) -> np.ndarray | None:
        rows = self._data.get(owner)
        values = rows.get(key_of(quantity)) if isinstance(rows, Mapping) else None
        number = self._numbers.get(case)
        if not isinstance(values, list) or number is None or number >= len(values):
            return None
        return None if values[number] is None else array_of(values[number], f"lesson.{owner}")


def twin_document(document: Document, twin: Twin) -> Document:
    """Return the graph of a typical mistake as a document. Like the lesson's document, it may read
    data files beside the lesson's file.

    Raises:
        LessonProblem: the stored graph is malformed.
    """
    whole = {"format": FORMAT, "version": VERSION, "next_id": 1, "nodes": [], "wires": []}
    try:
        found = flow.loads(json.dumps({**whole, **dict(twin.graph or {})}))
    except NodeflowError as error:
        raise LessonProblem(f"lesson.twins.{twin.id}.graph: {error.message}") from None
    found.use_file_of(document)
    return found


def twin_key(twin: Twin) -> str:
    """Return the key under which a student's copy of a lesson stores the values of a typical
    mistake.
    """
    return f"twins.{twin.id}"


def key_of(quantity: Quantity) -> str:
    """Return the text key under which a student's copy of a lesson stores the values of a tensor or
    gradient: ``y``, or ``y by x`` for a gradient.
    """
    return f"{quantity.node} by {quantity.by}" if quantity.by else quantity.node


def stored(array: np.ndarray) -> dict[str, Any]:
    """Return an array as a JSON object."""
    return {
        "dtype": dtype_name(array.dtype),
        "shape": list(array.shape),
        "bytes": base64.b64encode(array.tobytes()).decode(),
    }


def array_of(data: Any, place: str) -> np.ndarray:
    """Return the array of a JSON object that `stored` made.

    Raises:
        LessonProblem: it is malformed.
    """
    if not isinstance(data, Mapping):
        raise LessonProblem(f"{place}: expected an array, not {a_type(data)}")
    try:
        dtype = numpy_dtype(dtype_name(data["dtype"]))
        shape = tuple(int(n) for n in data["shape"])
        if any(n < 0 for n in shape) or np.prod(shape, dtype=np.float64) > LARGEST:
            raise ValueError("wrong size")
        content = base64.b64decode(data["bytes"], validate=True)
        return np.frombuffer(content, dtype).reshape(shape)
    except (NodeflowError, KeyError, TypeError, ValueError) as error:
        raise LessonProblem(f"{place}: malformed array: {error}") from None

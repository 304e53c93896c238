"""A view of the text that a Generate node writes, token by token."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeflow.document.to_graph.generation import copied, generator_in
from nodeflow.graph.graph import ancestors
from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views.view_kind import ViewKind, ViewProblem
from nodeflow.ops.program.generate import GENERATE
from nodeflow.train.generating.generator import Generator, Token

if TYPE_CHECKING:
    from nodeflow.host.views.value_source import ViewSource

SECONDS = 0.03
"""Seconds for which one call writes."""
REST = 0.03
"""Seconds between two calls, so that other requests are answered while a long text is written."""


@dataclass(frozen=True)
class TextData:
    """A text, possibly unfinished.

    Attributes:
        prompt: the text before the first written token.
        written: the written text so far.
        count, length: number of written tokens, and of those to write.
        continues: whether the view has to be computed again, because more is to be written.
    """

    prompt: str
    written: str
    count: int
    length: int
    continues: bool


class Writing:
    """A text that is being written.

    Attributes:
        state: everything that the text depends on, except values of variables in a training.
    """

    def __init__(self, source: ViewSource, name: str, state: object) -> None:
        self.state = state
        self.source = source.for_task(copied(source.task))
        self.generator: Generator = generator_in(self.source.task, self._run, name)
        self._tokens: Iterator[Token] = iter(self.generator)
        self._parts: list[str] = []
        vocabulary = self.generator.facts.vocabulary
        self._prompt = vocabulary.decode(self.generator.prompt).lstrip("\n")

    def _run(self, tensors: Any, feeds: Any) -> list[np.ndarray]:
        return self.source.run(tensors, feeds)

    @property
    def is_done(self) -> bool:
        return len(self._parts) >= self.generator.length

    def go_on(self, source: ViewSource) -> None:
        """Generate text for a short time, with the current values of the variables."""
        self.source.read = lambda node: source.read(source.task.graph.node(node.name))
        end = time.perf_counter() + SECONDS
        while not self.is_done:
            self._parts.append(next(self._tokens).text)
            if time.perf_counter() > end:
                break

    def data(self) -> TextData:
        text, count, length = "".join(self._parts), len(self._parts), self.generator.length
        return TextData(self._prompt, text, count, length, not self.is_done)


def compute(source: ViewSource, spec: ViewSpec) -> TextData:
    """Return the text so far, a little longer than at the last call.

    Outside a training, the text begins again when a weight or an attribute changes, so that it is
    the text of ``nodeflow generate``. A training continues the text with its latest weights.

    Raises:
        ViewProblem: the tensor does not belong to a Generate node.
        FetchError: the node does not depend on the tokens of a text.
    """
    tensor = source.tensor(spec.name)
    if tensor.node.op.id != GENERATE:
        raise ViewProblem(f"{spec.name} does not generate text", hint="Add a Generate node.")
    key = ("text", spec)
    state = (
        source.task.graph,
        tensor.node.attrs,
        source.step is not None,
        _weights(source, tensor),
    )
    writing = source.courses.get(key)
    if not isinstance(writing, Writing) or writing.state != state or _is_over(writing, source):
        writing = source.courses[key] = Writing(source, spec.name, state)
    writing.go_on(source)
    return writing.data()


def _is_over(writing: Writing, source: ViewSource) -> bool:
    """Return whether a training begins a new text."""
    return source.step is not None and writing.is_done


def _weights(source: ViewSource, tensor: Any) -> tuple[int, ...]:
    """Return a checksum of each variable that a tensor depends on, to notice changed weights.
    Return an empty tuple during a training.
    """
    if source.step is not None:
        return ()
    nodes = [n for n in ancestors([tensor.node]) if n.op.id == "variable"]
    values = (np.ascontiguousarray(source.read(node)) for node in nodes)
    return tuple(zlib.crc32(value.view(np.uint8).data) if value.size else 0 for value in values)


KIND = ViewKind("text", compute, interval=0.1, rest=REST)

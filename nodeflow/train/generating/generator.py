"""A generator that draws one token after another, and feeds each back to the graph.

The reference tier computes, so that window, command line and Python draw the same tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.data.text.text_facts import TextFacts
from nodeflow.data.text.vocabulary import UNKNOWN, Writer
from nodeflow.engine.devicelib.blas import numpy_on_one_thread
from nodeflow.engine.threefry_streams import Stream
from nodeflow.errors import ArgumentProblem, RunError
from nodeflow.graph.graph import Tensor
from nodeflow.train.generating.stepwise import stepwise

STREAM = "generate"
Run = Callable[[Sequence[Tensor], Mapping[Tensor, Any]], Sequence[Any]]


@dataclass(frozen=True)
class Token:
    """A token that was drawn.

    Attributes:
        number: its number in the vocabulary.
        text: the text that it adds.
        probability: the probability with which it was drawn.
    """

    number: int
    text: str
    probability: float


class Generator:
    """An iterator over the tokens that a graph generates.

    Args:
        run: returns the values of tensors for feeds, by the reference tier.
        out: the output of a node `generate`. Nodes are added to its graph.
        tokens: the placeholder that the text's tokens feed: (rows, steps).
        facts: vocabulary and windows of the text.
        feeds: values of other placeholders.
        options: replace attributes of the node: prompt, length, seed, keep_state.

    Raises:
        ArgumentProblem: the logits do not have a score for each token, or there is no token to
            begin with.
    """

    def __init__(
        self,
        run: Run,
        out: Tensor,
        tokens: Tensor,
        facts: TextFacts,
        feeds: Mapping[Tensor, Any] | None = None,
        **options: Any,
    ) -> None:
        self._run_graph, self._out = run, out
        self.facts, self._tokens = facts, tokens
        given = {**out.node.attrs, **{n: v for n, v in options.items() if v is not None}}
        self.seed, self.length = int(given["seed"]), int(given["length"])
        size = len(facts.vocabulary)
        if out.shape[-1] not in (None, size):
            raise ArgumentProblem(
                f"{out.name} scores {out.shape[-1]} tokens, and the text has {size}",
                hint="Set the units of the last layer to the number of tokens.",
            )
        self._feeds = dict(feeds or {})
        self._one = stepwise(out, tokens) if given["keep_state"] else None
        wide = tokens.shape[1] if len(tokens.shape) > 1 else None
        self._window: int = wide or facts.window
        self.prompt = self._begin(str(given["prompt"]))

    @property
    def keeps_state(self) -> bool:
        """True if recurrent layers keep their state, so that each token is read only once."""
        return self._one is not None

    def _begin(self, prompt: str) -> list[int]:
        """Return the tokens that start the generated text: the prompt, preceded by a line end if
        the model writes lines or the prompt is empty.
        """
        vocabulary = self.facts.vocabulary
        found = vocabulary.encode(prompt).tolist()
        newline = vocabulary.encode("\n").tolist()
        if self.facts.by_line or not found:
            found = newline + found
        return found

    def __iter__(self) -> Iterator[Token]:
        """Generate text: yield one token after the other, each drawn with the probabilities that
        the model computes from the tokens before it.

        Raises:
            RunError: the graph fails, or the probabilities are not finite.
        """
        writer = self.facts.vocabulary.writer(self.prompt)
        step = self._probabilities if self._one is None else self._stepped
        written = list(self.prompt)
        states: dict[Tensor, Any] = {}
        for number in range(self.length):
            with numpy_on_one_thread():
                probabilities = self._known(step(written, states))
            token = draw(probabilities, self.seed, number)
            written.append(token)
            yield _token(writer, token, probabilities)

    def _known(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the probabilities with 0 for the unknown token, which is never written."""
        if not self.facts.vocabulary.has_unknown:
            return probabilities
        known = np.array(probabilities, np.float64)
        known[UNKNOWN] = 0
        return known if known.any() else probabilities

    def _context(self, written: Sequence[int]) -> list[int]:
        """Return the tokens that the model reads to predict the next token: at most one window, and
        only the current line if the model writes lines.
        """
        end = int(self.facts.vocabulary.encode("\n")[0])
        if self.facts.by_line and end in written:
            written = written[len(written) - 1 - list(reversed(written)).index(end) :]
        return list(written[-self._window :])

    def _probabilities(self, written: Sequence[int], _: dict[Tensor, Any]) -> np.ndarray:
        """Feed the last window of tokens to the language model, and return the probabilities of the
        next token.

        Args:
            written: all tokens so far.
            _: unused: this model keeps no states between tokens.
        """
        context = self._context(written)
        filler = int(self.facts.vocabulary.encode("\n")[0])
        rest = [filler] * (self._window - len(context))
        size = len(self.facts.vocabulary)
        rows = self._run([*context, *rest])
        if len(rows) == 1:  # only after the last token, so that the window ends with it
            return (self._run([*rest, *context]) if rest else rows)[0]
        if rows.shape != (self._window, size):
            raise RunError(
                f"{self._out.name} has {len(rows)} rows of {rows.shape[-1]} scores for "
                f"{self._window} tokens",
                hint="It needs scores after every token, or after the last one.",
            )
        return rows[len(context) - 1]

    def _run(self, window: Sequence[int]) -> np.ndarray:
        feeds = {**self._feeds, self._tokens: np.array([window], np.int64)}
        found = np.asarray(self._run_graph([self._out], feeds)[0])
        return found.reshape(-1, found.shape[-1])

    def _stepped(self, written: Sequence[int], states: dict[Tensor, Any]) -> np.ndarray:
        """Feed the latest token to a language model that computes one step at a time. Return the
        probabilities of the next token.

        If ``states`` is empty, feed all tokens written so far. Update the recurrent states in
        ``states``.
        """
        one = self._one
        assert one is not None
        fresh = not states
        reset = self.facts.by_line and len(self._context(written)) == 1
        if fresh or reset:
            for state in one.states:
                states[state] = np.zeros([n or 0 for n in state.shape], state.dtype)
        probabilities = np.zeros(0)
        for token in self._context_of_state(written) if fresh else written[-1:]:
            feeds = {**self._feeds, **states, one.tokens: np.array([[token]], np.int64)}
            found, *new = self._run_graph([one.out, *one.states.values()], feeds)
            states.update(zip(one.states, new, strict=True))
            probabilities = np.asarray(found).reshape(-1)
        return probabilities

    def _context_of_state(self, written: Sequence[int]) -> Sequence[int]:
        return self._context(written) if self.facts.by_line else written


def draw(probabilities: np.ndarray, seed: int, number: int) -> int:
    """Return a token drawn with these probabilities.

    The draw depends only on the seed and on the number of tokens drawn before: it is the first
    token whose cumulative probability exceeds a uniform number.

    Raises:
        RunError: the probabilities are not finite.
    """
    sums = np.cumsum(np.asarray(probabilities, np.float64))
    if not np.isfinite(sums[-1]) or sums[-1] <= 0:
        raise RunError(
            "the probabilities of the next token are not finite",
            hint="The weights may have become infinite: train again with a lower learning rate.",
        )
    uniform = float(Stream(seed, STREAM, number).uniform((), "float64"))
    return min(int(np.searchsorted(sums, uniform * sums[-1], side="right")), len(sums) - 1)


def _token(writer: Writer, token: int, probabilities: np.ndarray) -> Token:
    return Token(token, writer.add(token), float(probabilities[token]))

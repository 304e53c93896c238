"""Generation of text with a document's graph: the search for its node, tokens and vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nodeflow.data.data_splits import DataSplits
from nodeflow.document.to_graph.task import Task
from nodeflow.errors import ArgumentProblem, FetchError, SurfaceText, suggest_or_list
from nodeflow.graph.graph import Node, Tensor
from nodeflow.ops.program.generate import GENERATE
from nodeflow.train.generating.generator import Generator, Run, Token

if TYPE_CHECKING:  # the window reads graphs and runs none
    from nodeflow.engine.session import Session


def generator(task: Task, session: Session, name: str | None = None, **options: Any) -> Generator:
    """Return an object that generates text with a graph.

    Args:
        session: has the variables, which are copied.
        name: the node `generate`; None if there is only one.
        options: replace attributes of the node.

    Raises:
        FetchError: there is no such node, or it does not depend on the tokens of a text.
        DataError: the text cannot be read.
    """
    from nodeflow.engine.session import Session

    own = copied(task)
    copy = Session(own.graph, tier="reference", seed=session.seed)
    copy.initialize()
    for variable, value in session.variables.items():
        if variable in copy.variables:
            copy.variables[variable] = value
    return generator_in(
        own, lambda tensors, feeds: copy.run([*tensors], {**feeds}), name, **options
    )


def copied(task: Task) -> Task:
    """Return a copy of a task with its own graph, to which nodes may be added."""
    return Task(
        task.document,
        data_dir=task.data_dir,
        base_dir=task.base_dir,
        feeds=task.fed_by_name(),
        opened=task.opened,
    )


def generator_in(task: Task, run: Run, name: str | None = None, **options: Any) -> Generator:
    """Return a generator of sequences that computes with the session ``run``. Raise the same errors
    as `generator`.

    It adds nodes to the graph of the task.
    """
    nodes = [node for node in task.graph.nodes if node.op.id == GENERATE]
    found = {node.name: node.outputs[0] for node in nodes}
    if name is None and len(found) > 1:
        raise FetchError(
            f"the graph has {len(found)} nodes that generate", hint=f"Name one: {', '.join(found)}."
        )
    if not found:
        task.build.require(task.build.skipped)
        raise FetchError(
            "the graph has no node that generates",
            hint="Add Generate, and wire the scores of the tokens to it.",
        )
    chosen = next(iter(found)) if name is None else name
    if chosen not in found:
        raise FetchError(
            f"there is no node {chosen!r} that generates", hint=suggest_or_list(chosen, found)
        )
    out = found[chosen]
    tokens, dataset = _tokens(task, out.node)
    assert dataset.text is not None
    feeds = {t: v for t, v in task.feeds([out], rows=1).items() if t is not tokens}
    return Generator(run, out, tokens, dataset.text, feeds, **options)


def _tokens(task: Task, node: Node) -> tuple[Tensor, DataSplits]:
    """Return the placeholder into which the tokens of a text are fed, and the data set of the text.

    Raises:
        FetchError: there is none, or more than one.
    """
    bound = {t: b for t, b in task.bindings([node]).items() if b.dataset.text is not None}
    if len(bound) != 1:
        count = "no column" if not bound else f"{len(bound)} columns"
        raise FetchError(
            f"{node.name} depends on {count} of a text data set",
            node=node.name,
            hint="Feed one placeholder with the column tokens of a dataset node, tokens:PATH.",
        )
    ((tensor, binding),) = bound.items()
    return tensor, binding.dataset


def generate(
    session: Session,
    node: str | None = None,
    *,
    prompt: str | None = None,
    length: int | None = None,
    seed: int | None = None,
    keep_state: bool | None = None,
) -> Iterator[Token]:
    """Yield the tokens that a graph from `nf.load` writes, each with its text.

    Args:
        session: a session of the graph; its variables are copied at the beginning.
        node: the name of the node `generate`; None if there is only one.
        prompt, length, seed, keep_state: used instead of the node's attributes.

    Raises:
        ArgumentProblem: the graph was not loaded from a file.
        FetchError: there is no such node, or it does not depend on the tokens of a text.
        RunError: the graph fails.
    """
    task = session.graph.task
    if not isinstance(task, Task):
        raise ArgumentProblem(
            "the graph has no text data set, which knows the text of tokens",
            hint=SurfaceText(
                "Load it from a file that has one: nf.load.", window="Use a dataset node."
            ),
        )
    options = {"prompt": prompt, "length": length, "seed": seed, "keep_state": keep_state}
    return iter(generator(task, session, node, **options))

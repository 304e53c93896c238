"""The content of the stage if the user has pinned nothing."""

from __future__ import annotations

from collections.abc import Iterator

from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.node_flags import view_of
from nodeflow.document.analysis.picture_answers import makes_pictures, picture_inputs
from nodeflow.document.analysis.subgraphs.instance_paths import at_path, source_of
from nodeflow.document.analysis.training_settings import optimizers
from nodeflow.document.analysis.traversal import topological
from nodeflow.document.edit.stage import (
    LOSS,
    MOST_CONTROLS,
    VALUE,
    PinnedControl,
    PinnedView,
)
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord
from nodeflow.drawing.views.view import discover_views
from nodeflow.ops.program.generate import GENERATE

RATE = "learning_rate"
REGIONS, FIT = "regions", "plot"
POINTS, PREDICTIONS = "projection", "class_accuracy"
TEXT = "text:"
"""Prefix of a dataset's source if the data are a text."""
WRITTEN = "text"


def default_view(document: Document, analysis: Analysis) -> PinnedView:
    """Return the first of these views that applies to the graph: a text that it writes, decision
    regions, a fitted curve, pictures that it generates, the points of its word embeddings, the
    share of right predictions, the loss.
    """
    writer = next((n.id for n in document.nodes.values() if n.op == GENERATE), "")
    if writer:
        return PinnedView(writer, WRITTEN)
    answers = _answers(document, analysis)
    shown = {str(view["kind"]): node.id for node in document.nodes.values()
             if (view := view_of(node)) is not None}  # fmt: skip

    def fitting(kind: str) -> str:
        return next((n.id for n in answers if _fits(kind, document, analysis, n.id)), "")

    curve = next((n.id for n in answers if _is_curve(document, analysis, n)), "")
    pictures = next((n.id for n in answers if makes_pictures(document, analysis, n.id)), "")
    if regions := fitting(REGIONS):
        return PinnedView(shown.get(REGIONS, regions), REGIONS)
    if curve or FIT in shown:
        return PinnedView(shown.get(FIT, curve), FIT)
    if pictures or (pictures := _invented(document, analysis)):
        return PinnedView(pictures, VALUE)
    if words := shown.get(POINTS) or _words(document):
        return PinnedView(words, POINTS)
    if predictions := fitting(PREDICTIONS):
        return PinnedView(predictions, PREDICTIONS)
    return PinnedView("", LOSS)


def default_controls(document: Document) -> tuple[PinnedControl, ...]:
    """Return the learning rates of the optimizers, the first ones if there are many."""
    rates = []
    for path in optimizers(document):
        place = at_path(document.root, path)
        op = declaration(place[1], document.root) if place is not None else None
        if op is not None and any(attr.name == RATE for attr in op.attrs):
            rates.append(PinnedControl(path, RATE))
    return tuple(rates[:MOST_CONTROLS])


def answer_of(document: Document) -> NodeRecord | None:
    """Return the graph's prediction: the node whose values the loss compares with the given labels.

    It depends on a variable, and a node combines it with an input that depends on no variable.
    """
    found = optimizers(document)
    start = source_of(document.root, found[0], "loss") if len(found) == 1 else None
    if start is None or "/" in start[0]:
        return None
    learned: dict[str, bool] = {}
    waiting, seen = [start[0]], set()
    for node_id in waiting:  # breadth first, from the loss towards the inputs
        sources = list(_sources(document, node_id))
        trained = [source for source in sources if _is_learned(document, source, learned)]
        if len(trained) == 1 and len(sources) > 1:
            return document.nodes[trained[0]]
        for source in sources:
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return None


def _answers(document: Document, analysis: Analysis) -> list[NodeRecord]:
    """Return the graph's prediction, and the values of the same shape that it is computed from.

    For example, a loss that is written out in ops reads the logarithms of probabilities.
    """
    answer, found = answer_of(document), []
    while answer is not None:
        found.append(answer)
        sources = list(_sources(document, answer.id))
        is_step = len(sources) == 1 and not answer.op.startswith("layers/")
        if not is_step or _columns(analysis, sources[0]) != _columns(analysis, answer.id):
            break
        answer = document.nodes[sources[0]]
    return found


def _words(document: Document) -> str:
    """Return the name of the variable with a row for each word of a text; empty if there is
    none.
    """
    for node in document.nodes.values():
        if node.op != "embedding_lookup":
            continue
        wires = {wire.target_port: wire.source for wire in document.wires_into(node.id)}
        table, indices = (document.nodes.get(wires.get(p, "")) for p in ("table", "indices"))
        if table is None or table.op != "variable" or indices is None:
            continue
        feeds = [document.nodes[wire.source] for wire in document.wires_into(indices.id)]
        if any(str(f.attrs.get("source", "")).startswith(TEXT) for f in feeds):
            return table.id
    return ""


def _sources(document: Document, node_id: str) -> Iterator[str]:
    wires = document.wires_into(node_id)
    return (w.source for w in wires if w.target_port not in ("feed", "control"))


def _is_learned(document: Document, node_id: str, known: dict[str, bool]) -> bool:
    """Return whether a node depends on a variable, or on a layer, which contains variables."""
    waiting, seen = [node_id], {node_id}
    while waiting:
        last = waiting.pop()
        op = document.nodes[last].op
        if known.get(last) or op == "variable" or op.startswith("layers/") or op == "subgraph":
            known[node_id] = True
            return True
        for source in _sources(document, last):
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return False


def _fits(kind: str, document: Document, analysis: Analysis, node_id: str) -> bool:
    return not discover_views()[kind].fits(document, analysis, node_id)


def _columns(analysis: Analysis, node_id: str) -> int | None:
    found = next(iter((analysis.out_types(node_id) or {}).values()), None)
    shape = None if found is None or not found.has_rank else found.shape
    return shape[1] if shape is not None and len(shape) == 2 else None


def _is_curve(document: Document, analysis: Analysis, answer: NodeRecord) -> bool:
    """Return whether the prediction has one column and depends on a placeholder with one column."""
    fed = [n for n in document.nodes.values() if n.op == "placeholder" and n.id != answer.id]
    reached = analysis.ancestors(answer.id)
    inputs = [_columns(analysis, n.id) for n in fed if n.id in reached]
    return _columns(analysis, answer.id) == 1 and inputs == [1]


def _invented(document: Document, analysis: Analysis) -> str:
    """Return the last node that makes pictures from learned weights and no given picture, as the
    generator of a GAN does; empty if there is none.
    """
    given = {each.id for each in picture_inputs(document, analysis)}
    learned: dict[str, bool] = {}
    found = ""
    for node in topological(document, set(document.nodes))[0] if given else ():
        if (
            makes_pictures(document, analysis, node)
            and given.isdisjoint(analysis.ancestors(node))
            and _is_learned(document, node, learned)
            and document.nodes[node].op != "variable"
        ):
            found = node
    return found


__all__ = ["answer_of", "default_controls", "default_view"]

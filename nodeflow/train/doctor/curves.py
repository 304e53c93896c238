"""Problems that the curves of the loss and the metrics show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.registry import REGISTRY
from nodeflow.train.diagnosis.causes import cause_of
from nodeflow.train.diagnosis.crossing import Crossing
from nodeflow.train.diagnosis.culprit import Culprit
from nodeflow.train.diagnosis.hints import DIVERGING, Edit, Hint
from nodeflow.train.training import Training

FEWEST_EPOCHS = 3
"""Curves are judged by epochs after this many epochs. Before, they are judged by parts of an
epoch."""
FEWEST_STEPS = 60
FLAT, SLOW = 0.003, 0.05
"""Relative decrease of the loss since the beginning below which a training is flat or slow."""
GROWN = 1.5
CLIP_NORM = 1.0
FAR = 100.0
"""The largest plausible learning rate, as a multiple of the optimizer's usual rate."""
WORSE = 1.2


@dataclass
class Curves:
    """The loss of each step, and the metrics of each epoch."""

    losses: list[np.ndarray] = field(default_factory=list)
    metrics: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    epoch_losses: list[float] = field(default_factory=list)
    ends: dict[int, int] = field(default_factory=dict)
    """The last step of each epoch, by its number."""
    first_epoch: int = 1

    @property
    def steps(self) -> int:
        return sum(map(len, self.losses))

    def stretches(self, count: int) -> np.ndarray:
        """Return the mean loss in each of ``count`` equal parts of the training, float64
        (count,).
        """
        parts = np.array_split(np.concatenate(self.losses).astype(np.float64), count)
        return np.array([part.mean() for part in parts])


def check_curves(training: Training, curves: Curves) -> Iterator[Hint]:
    """Yield hints about divergence, a flat loss, small steps, and overfitting.

    The losses of optimizers that take turns, such as adversaries, need not fall: none are yielded.
    """
    if not curves.losses or training.schedule:
        return
    broken = list(_diverging(training, curves))
    yield from broken
    if not broken:
        yield from _not_learning(training, curves)
    yield from _overfitting(training, curves)


def _diverging(training: Training, curves: Curves) -> Iterator[Hint]:
    losses = np.concatenate(curves.losses)
    bad = np.flatnonzero(~np.isfinite(losses))
    rate = rate_edit(training, 0.1, diverged=True)
    if len(bad):
        yield Hint(
            DIVERGING,
            "The training diverges",
            f"The loss is {losses[bad[0]]:g} at step {bad[0] + 1}.",
            "Lower the learning rate, scale the inputs, or clip the gradients.",
            fix=rate[0],
            edits=rate[1],
        )
        return
    if curves.steps < FEWEST_STEPS:
        return
    first, *_, last = parts = curves.stretches(10)
    low = float(parts.min())
    if last > GROWN * max(first, low) and last - low > abs(low):
        yield Hint(
            DIVERGING,
            "The loss grows",
            f"It was {first:.4g} on average over the first tenth of the steps and is {last:.4g} "
            "over the last.",
            "Lower the learning rate.",
            fix=rate[0],
            edits=rate[1],
        )


def _not_learning(training: Training, curves: Curves) -> Iterator[Hint]:
    if curves.steps < FEWEST_STEPS or curves.first_epoch > 1:
        return
    if len(curves.epoch_losses) < FEWEST_EPOCHS and len(curves.epoch_losses) > 0:
        return
    whole = len(curves.epoch_losses) >= FEWEST_EPOCHS  # epochs see the same rows: less noise
    parts = np.array(curves.epoch_losses) if whole else curves.stretches(6)
    first, last = float(parts[0]), float(parts[-1])
    if first == 0:
        return
    fallen = (first - last) / abs(first)
    raised = rate_edit(training, 10.0)
    evidence = f"The mean loss went from {first:.5g} to {last:.5g} in {curves.steps} steps."
    if abs(fallen) < FLAT:
        yield Hint(
            "flat",
            "The loss does not fall",
            evidence,
            "Raise the learning rate; check that the loss depends on the variables, and that "
            "labels belong to their rows.",
            fix=raised[0],
            edits=raised[1],
        )
    elif FLAT <= fallen < SLOW and (np.diff(parts) < 0).all():
        yield Hint(
            "slow",
            "The learning rate is probably too small",
            f"{evidence} It falls steadily, but little.",
            "Raise the learning rate.",
            fix=raised[0],
            edits=raised[1],
        )


def _overfitting(training: Training, curves: Curves) -> Iterator[Hint]:
    """Yield a hint if a loss on other rows gets worse while the training loss still falls."""
    for metric in training.measured():
        points = curves.metrics.get(metric.key, [])
        same = metric.tensor is training.loss and metric.split != "train"
        if not same or len(points) < 4:
            continue
        values = [value for _, value in points]
        best = int(np.argmin(values))
        recent = float(np.mean(values[-max(1, len(values) // 4) :]))
        worse = recent > WORSE * values[best] and best <= len(values) - 3
        fitted = curves.epoch_losses[-1] < min(curves.epoch_losses[best], recent)
        if worse and fitted:
            yield Hint(
                "overfitting",
                "The network learns the training rows by heart",
                f"{metric.key} was lowest after epoch {points[best][0]} ({values[best]:.4g}) and "
                f"is {recent:.4g} now, while the training loss fell from "
                f"{curves.epoch_losses[best]:.4g} to {curves.epoch_losses[-1]:.4g}.",
                "Stop early, use fewer units, or add dropout.",
                fix="Stop early from now on" if training.patience is None else "",
                edits=_stop_early(training),
                step=curves.ends.get(points[best][0], 0),
            )
            return


def _stop_early(training: Training) -> tuple[Edit, ...]:
    if training.patience is not None:
        return ()
    return (Edit("setting", "", "patience", 3),)


def rate_edit(
    training: Training, factor: float, *, diverged: bool = False
) -> tuple[str, tuple[Edit, ...]]:
    """Return the text of a button, and the edit that multiplies the learning rate.

    The rate belongs to the schedule if one is wired. Return an empty text and no edit if the rate
    is not a positive number.

    Args:
        diverged: whether to replace a rate that is still far too large by the usual rate.
    """
    node: Node = training.optimizer
    if "schedule" in (wired := _wired(node)):
        node = wired["schedule"].node
    rate = node.attrs.get("learning_rate")
    if not isinstance(rate, (int, float)) or rate <= 0:
        return "", ()
    usual = node.op.attr("learning_rate").default
    value = rate * factor
    if diverged and isinstance(usual, float) and value > FAR * usual:
        value = usual
    value = float(f"{value:.6g}")
    edit = Edit("attribute", node.name, "learning_rate", value)
    return f"Set the learning rate to {value:g}", (edit,)


def fixes(
    training: Training,
    lasting: Iterable[Hint],
    culprit: Culprit | None = None,
    crossing: Crossing | None = None,
) -> Iterator[Hint]:
    """Yield remedies for divergence: a bound, a smaller rate, scaled inputs, clipped gradients.

    Args:
        lasting: the hints from graph and data.
        culprit: the op where the divergence began.
        crossing: the value that left its bounds.
    """
    if culprit is not None and (bound := _bound(culprit)) is not None:
        yield bound
    text, edits = rate_edit(training, 0.1, diverged=True)
    if edits:
        yield Hint(DIVERGING, "The learning rate is too large", "", fix=text, edits=edits)
    yield from (hint for hint in lasting if hint.kind == "unscaled" and hint.edits)
    text, edits = clip_edit(training)
    if edits:
        yield Hint(DIVERGING, "The gradients are too large", "", fix=text, edits=edits)
    if crossing is not None:
        node = crossing.node.partition(":")[0]
        yield Hint(
            DIVERGING,
            "The allowed range is too narrow",
            "",
            node=node,
            fix=f"Remove the allowed range of {node}",
            edits=(Edit("unbound", node),),
        )


def clip_edit(training: Training) -> tuple[str, tuple[Edit, ...]]:
    """Return a remedy for too large gradients: the text of a button, and the edit of the graph that
    sets ``clip_norm``.

    Both are empty if the optimizer cannot clip gradients, or already does.
    """
    attrs = training.optimizer.attrs
    if "clip_norm" not in attrs or attrs["clip_norm"] is not None:
        return "", ()
    edit = Edit("attribute", training.optimizer.name, "clip_norm", CLIP_NORM)
    return f"Clip the gradients to a norm of {CLIP_NORM:g}", (edit,)


def _bound(culprit: Culprit) -> Hint | None:
    """Return a hint to bound the input that caused the divergence, if that is a node in the
    file.
    """
    cause = cause_of(culprit)
    if cause.port is None or culprit.of or (cause.low is None and cause.high is None):
        return None
    port = REGISTRY.lookup(culprit.op).input_name(cause.port)
    edit = Edit("bound", culprit.node, port, {"min": cause.low, "max": cause.high})
    side = f"at least {cause.low:g}" if cause.low is not None else f"at most {cause.high:g}"
    text = f"Keep the input of {culprit.node} {side}"
    return Hint(DIVERGING, cause.kind, "", node=culprit.node, fix=text, edits=(edit,))


def _wired(node: Node) -> dict[str, Tensor]:
    """Return the tensors that the user has wired into a node, by in-port."""
    own = ((i, t) for i, t in enumerate(node.inputs) if t.node.derived_from != node.name)
    return {node.op.input_name(index): tensor for index, tensor in own}


def record(
    curves: Curves, metrics: Mapping[str, float], epoch: int, loss: float, steps: int = 0
) -> None:
    """Add the metrics of an epoch to the curves. ``steps`` is the number of its last step."""
    curves.epoch_losses.append(loss)
    curves.ends[epoch] = steps
    for key, value in metrics.items():
        curves.metrics.setdefault(key, []).append((epoch, value))

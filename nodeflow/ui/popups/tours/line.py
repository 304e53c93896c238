"""The second tour: fit a line by training."""

from __future__ import annotations

from nodeflow.ui.popups.tours.tour import Progress, Step, Tour, never

START_RATE = 0.2
"""The learning rate of `linear_regression.flow`."""


def learning_rate(progress: Progress) -> float | None:
    """Return the learning rate of the graph's optimizer, or None without an optimizer."""
    found = (r for r in progress.document.nodes.values() if "learning_rate" in r.attrs)
    record = next(found, None)
    return None if record is None else record.attrs["learning_rate"]


def _has_slower_training(progress: Progress) -> bool:
    rate = learning_rate(progress)
    slower = isinstance(rate, (int, float)) and rate < START_RATE
    return slower and progress.trainings >= 2


LINE = Tour(
    "tour_line",
    "Train your first line",
    (
        Step(
            "Look at the prediction",
            "This graph computes slope × x + offset for each point. Click the node prediction: its "
            "line should run through the points, and does not yet.",
            lambda p: "prediction" in p.seen or p.trainings > 0,
        ),
        Step(
            "Train",
            "Press Train in the toolbar, or Ctrl+T. At each step the optimizer changes slope and "
            "offset a little, so that the loss falls.",
            lambda p: p.trainings > 0,
        ),
        Step(
            "Read what was learned",
            "Click the node slope and read its value on the node: it fits the points now.",
            lambda p: p.trainings > 0 and bool(p.selected & {"slope", "offset"}),
        ),
        Step(
            "Learn more slowly",
            "Click train. In the inspector set the learning rate to 0.01, and train again: the "
            "loss falls more slowly, and the line may not get there.",
            _has_slower_training,
        ),
    ),
    Step(
        "Your first line is trained",
        "The same four parts make every network: data, variables, a loss, and an optimizer.",
        never,
    ),
    "You trained a line",
    example="linear_regression",
    next="tour_digit",
)

"""Lesson 11: a network that learns its rows by heart, measured honestly and stopped in time."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Milestone, Mistake, Step


def build(e: Drawing, mistake: str) -> None:
    e.add("placeholder", "row_losses", dtype="float32", shape=[None],
          sample=[0.125, 0.25, 0.0, 1.0, 0.5])  # fmt: skip
    e.add("placeholder", "is_new", dtype="float32", shape=[None], sample=[0.0, 0.0, 0.0, 1.0, 1.0])
    e.add("constant", "one", dtype="float32", value=1.0)
    e.add("multiply", "new_only", "row_losses", "is_new")
    e.add("reduce_sum", "new_sum", "new_only")
    e.add("reduce_sum", "new_count", "is_new")
    e.add("subtract", "is_seen", "one", "is_new")
    e.add("multiply", "seen_only", "row_losses", "is_seen")
    e.add("reduce_sum", "seen_sum", "seen_only")
    e.add("reduce_sum", "seen_count", "is_seen")
    e.add("divide", "seen_loss", "seen_sum", "seen_count")
    if mistake == "all_rows":
        e.add("reduce_mean", "new_loss", "row_losses")
    elif mistake == "divided_by_all":
        e.add("reduce_mean", "new_loss", "new_only")
    elif mistake == "summed":
        e.add("identity", "new_loss", "new_sum")
    elif mistake == "seen_rows":
        e.add("identity", "new_loss", "seen_loss")
    else:
        e.add("divide", "new_loss", "new_sum", "new_count")
    if mistake == "gap_reversed":
        e.add("subtract", "gap", "seen_loss", "new_loss")
    elif mistake == "gap_to_all":
        e.add("reduce_mean", "all_loss", "row_losses")
        e.add("subtract", "gap", "new_loss", "all_loss")
    else:
        e.add("subtract", "gap", "new_loss", "seen_loss")
    e.add("dataset", "points", source="csv:resource:data/overlapping.csv", splits=[0.2, 0.4, 0.4])
    e.add("placeholder", "x", dtype="float32", shape=[None, 10])
    e.add("placeholder", "y", dtype="float32", shape=[None, 1])
    e.wire("points:features", "x:feed")
    e.wire("points:labels", "y:feed")
    e.add("layers/dense", "hidden", "x", units=30, activation="tanh")
    e.add("layers/dense", "score", "hidden", units=1)
    e.add("sigmoid_cross_entropy_with_logits", "wrong", "y", "score")
    e.add("reduce_mean", "loss", "wrong")
    e.add("adam", "train", "loss", learning_rate=0.02)
    measured = [{"node": "loss", "split": "test"}]
    e.training("train", "loss", measured, epochs=60, batch_size=20, patience=5)


NETWORK = ("x", "y", "hidden", "score", "wrong", "loss", "train")

LESSON = LessonSource(
    id="honest-measurement",
    title="Honest measurement",
    summary="Measure a network on rows that it has not seen, and stop it in time.",
    minutes=20,
    build=build,
    given=("row_losses", "is_new", "one", "points", *NETWORK),
    locked=("row_losses", "is_new", "one", *NETWORK),
    start={"points": {"splits": [0.2, 0.0, 0.8]}, "training": {"patience": None}},
    probes={
        "inputs": {
            "row_losses": {"values": "uniform"},
            "is_new": {"values": "integers", "low": 0, "high": 2},
        },
        "batches": [7, 30],
        "zeros": False,
        "large": 0,
    },
    checks={
        "new_loss": {
            "title": "The mean loss of the new rows, named new_loss",
            "kind": "values",
            "node": "new_loss",
            "credit": 2,
        },
        "copies": {
            "title": "It does not depend on the number of rows",
            "kind": "ignores_copies",
            "node": "new_loss",
            "inputs": ["row_losses", "is_new"],
        },
        "gap": {
            "title": "How much larger it is than the mean of the other rows, named gap",
            "kind": "values",
            "node": "gap",
        },
        "choosing": {
            "title": "At least a fifth of the rows is for validation",
            "kind": "attribute",
            "node": "points",
            "attr": "splits.1",
            "at_least": 0.2,
        },
        "measuring": {
            "title": "At least a fifth of the rows is for the test",
            "kind": "attribute",
            "node": "points",
            "attr": "splits.2",
            "at_least": 0.2,
        },
        "stops": {
            "title": "The training stops early",
            "kind": "attribute",
            "node": "training",
            "attr": "patience",
        },
        "watches": {
            "title": "Early stopping watches validation rows",
            "kind": "attribute",
            "node": "training",
            "attr": "monitor.split",
            "value": "validation",
        },
        "learned": {
            "title": "The loss on test rows is below 0.6",
            "kind": "trains",
            "node": "loss",
            "at_most": 0.6,
            "seeds": [1, 2],
            "credit": 2,
        },
    },
    steps=(
        Step(
            "train",
            "Learn by heart",
            "Each row of x holds ten numbers, and y says which of two kinds the row is. The kinds "
            "overlap, so nobody can always be right. The network has 30 neurons and only 80 rows "
            "to learn from. Press Train and watch two curves: loss is measured on the rows that "
            "it learns from, and test/loss on rows that it never sees while it learns.",
            deed={"event": "trained"},
            points="train",
        ),
        Step(
            "expect",
            "What will a new row cost?",
            "At the end the loss is near 0 on the rows of the training. On the other rows it fell, "
            "and then rose to more than 1.",
            predict={"kind": "choice", "right": 1},
            question="A new row arrives. Which loss do you expect for it?",
            choices=(
                "near 0, as on the rows of the training",
                "more than 1, as on the other rows",
                "the mean of both",
            ),
            answer="The network has learned its own rows by heart, with their noise. This is "
            "called overfitting. A new row is like the rows that it has not seen, so only those "
            "tell how good it is.",
        ),
        Step(
            "measure",
            "Measure only new rows",
            "row_losses holds the loss of each row, and is_new has a 1 for each row that the "
            "training did not see, and 0 for the others. Take the mean of the losses over the new "
            "rows only, and name it new_loss: multiply, add up, and divide by the number of new "
            "rows.",
            checks=("new_loss", "copies"),
            points="multiply",
        ),
        Step(
            "gap",
            "The gap",
            "one minus is_new marks the rows that the training saw. Take the mean of their losses "
            "in the same way. Subtract it from new_loss, and name the difference gap. A large gap "
            "is the sign of overfitting.",
            checks=("gap",),
            points="subtract",
        ),
        Step(
            "honest",
            "Who saw these rows?",
            "You train twenty networks with different settings, measure each on the test rows, and "
            "report the best of the twenty results.",
            predict={"kind": "choice", "right": 2},
            question="Will that network be as good on new rows?",
            choices=(
                "Yes, because it has not learned from the test rows.",
                "It will be better, because it is the best of twenty.",
                "It will likely be worse, because the test rows chose it.",
            ),
            answer="The best of twenty results is in part luck with these very rows. Rows that "
            "took part in a choice cannot judge it. So choose by other rows than those that you "
            "report.",
        ),
        Step(
            "split",
            "Three parts",
            "Split the rows in three parts: training rows to learn from, validation rows to "
            "choose by, and test rows for one measurement at the end. Click points. Its splits are "
            "the shares of the three parts, and there are no validation rows yet. Set splits to "
            "0.2, 0.4, 0.4.",
            checks=("choosing", "measuring"),
            points="points",
        ),
        Step(
            "stop",
            "Stop in time",
            "Choose the moment to stop by the validation rows. Turn on Stop early beside the "
            "plots. After each epoch, which is a pass over all training rows, it measures the loss "
            "on the validation rows. If the loss has not improved for some epochs, the training "
            "ends, and the network gets the numbers of its best epoch. How many epochs it waits "
            "is called patience. Press Train, then Check.",
            checks=("stops", "watches", "learned"),
            deed={"event": "trained"},
            points="train",
        ),
    ),
    mistakes={
        "all_rows": Mistake("Who saw these rows? Does your mean leave any row out?"),
        "divided_by_all": Mistake(
            "One of ten rows is new, and its loss is 1. What should the mean of the new rows be? "
            "What is yours?"
        ),
        "summed": Mistake("You measure twice as many new rows. Should new_loss double?"),
        "seen_rows": Mistake("Who saw these rows: is 1 in is_new a new row, or an old one?"),
        "gap_reversed": Mistake("New rows are worse. Should the gap be positive or negative?"),
        "gap_to_all": Mistake(
            "All rows include the new ones. From which mean should you subtract?"
        ),
        "peeking": Mistake(
            "The test rows chose the moment to stop. Who is left to judge that choice?",
            {"setting": {"node": "training", "attr": "monitor.split", "value": "test"}},
        ),
        "by_heart": Mistake(
            "You watch the rows that the network learns by heart. Will their loss ever rise?",
            {"setting": {"node": "training", "attr": "monitor.split", "value": "train"}},
        ),
        "no_rows_to_choose": Mistake(
            "Which rows may say when to stop, if they are neither learned from nor reported?",
            {"setting": {"node": "points", "attr": "splits.1", "at_most": 0}},
        ),
        "no_rows_to_measure": Mistake(
            "On which rows will you measure at the end?",
            {"setting": {"node": "points", "attr": "splits.2", "at_most": 0}},
        ),
        "asleep": Mistake(
            "The training changed nothing. For how many epochs may it run?",
            {"symptom": {"kind": "unchanged"}},
        ),
        "too_long": Mistake(
            "At which epoch was the loss on the validation rows smallest, and when did your "
            "training end?",
            {"symptom": {"kind": "short"}},
        ),
    },
    milestones={
        "new_only": Milestone("new_only", "The losses of the new rows are right", 0.1),
        "new_count": Milestone("new_count", "The number of new rows is right", 0.1),
        "seen_loss": Milestone("seen_loss", "The mean of the other rows is right"),
    },
    done="Learn from training rows, choose by validation rows, and report test rows once. Whoever "
    "reads a result should ask: who saw these rows?",
)

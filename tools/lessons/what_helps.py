"""Lesson 12: batch size, Adam, start values and weight decay; one step of Adam by hand."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Milestone, Mistake, Step

NUMBERS = ("weight", "gradient", "mean", "square")
CONSTANTS = {"keep": 0.9, "share": 0.1, "rate": 0.5, "tiny": 0.001, "decay": 0.2}


def build(e: Drawing, mistake: str) -> None:
    samples = ([1.0, -2.0], [4.0, 0.5], [2.0, 0.0], [4.0, 0.25])
    for name, sample in zip(NUMBERS, samples, strict=True):
        e.add("placeholder", name, dtype="float32", shape=[None], sample=sample)
    for name, value in CONSTANTS.items():
        e.add("constant", name, dtype="float32", value=value)
    e.add("multiply", "old_mean", "mean", "keep")
    e.add("multiply", "more_mean", "gradient", "share")
    e.add("add", "new_mean", "mean" if mistake == "keeps_all" else "old_mean", "more_mean")
    e.add("multiply", "old_square", "square", "keep")
    e.add("square", "gradient_square", "gradient")
    squared = "gradient" if mistake == "not_squared" else "gradient_square"
    e.add("multiply", "more_square", squared, "share")
    e.add("add", "new_square", "old_square", "more_square")
    e.add("identity" if mistake == "no_root" else "sqrt", "size", "new_square")
    e.add("add", "below", "size", "tiny")
    e.add("divide", "direction", "gradient" if mistake == "no_mean" else "new_mean", "below")
    e.add("multiply", "step", "direction", "rate")
    e.add("multiply", "shrinking", "weight", "decay")
    if mistake == "whole_decay":
        e.add("identity", "shrink", "shrinking")
    else:
        e.add("multiply", "shrink", "shrinking", "rate")
    e.add("add" if mistake == "uphill" else "subtract", "moved", "weight", "step")
    if mistake == "no_shrink":
        e.add("identity", "new_weight", "moved")
    else:
        e.add("add" if mistake == "grows" else "subtract", "new_weight", "moved", "shrink")
    e.add("dataset", "points", source="csv:resource:data/overlapping.csv", splits=[0.2, 0.4, 0.4])
    e.add("placeholder", "x", dtype="float32", shape=[None, 10])
    e.add("placeholder", "y", dtype="float32", shape=[None, 1])
    e.wire("points:features", "x:feed")
    e.wire("points:labels", "y:feed")
    e.add("layers/dense", "hidden", "x", units=30, activation="tanh")
    e.add("layers/dense", "score", "hidden", units=1)
    e.add("sigmoid_cross_entropy_with_logits", "wrong", "y", "score")
    e.add("reduce_mean", "loss", "wrong")
    e.add("adam", "train", "loss", learning_rate=0.02, weight_decay=1.0)
    measured = [{"node": "loss", "split": "test"}]
    e.training("train", "loss", measured, epochs=100, batch_size=10)


WIDE = {"kernel_initializer": {"op": "random_normal", "stddev": 3.0}}
LOCKED = (*NUMBERS, *CONSTANTS, "points", "x", "y", "wrong", "loss")

LESSON = LessonSource(
    id="what-helps",
    title="What helps",
    summary="Small batches, good start values, Adam and weight decay: four ways to learn better.",
    minutes=25,
    build=build,
    given=(*LOCKED, "hidden", "score"),
    locked=LOCKED,
    start={"hidden": WIDE, "score": WIDE, "training": {"batch_size": 80}},
    probes={
        "inputs": {
            **{name: {} for name in NUMBERS if name != "square"},
            "square": {"values": "uniform"},
        },
        "large": 100,
    },
    checks={
        "new_mean": {
            "title": "The running mean of the gradient, named new_mean",
            "kind": "values",
            "node": "new_mean",
        },
        "new_square": {
            "title": "The running mean of its square, named new_square",
            "kind": "values",
            "node": "new_square",
        },
        "moved": {
            "title": "The weight after a step of Adam, named moved",
            "kind": "values",
            "node": "moved",
        },
        "new_weight": {
            "title": "The weight after weight decay, named new_weight",
            "kind": "values",
            "node": "new_weight",
        },
        "starts": {
            "title": "After 100 epochs, the loss on the training rows is below 1",
            "kind": "trains",
            "node": "loss",
            "split": "train",
            "at_most": 1.0,
            "epochs": 100,
        },
        "fast": {
            "title": "After only 5 epochs, it is below 0.4",
            "kind": "trains",
            "node": "loss",
            "split": "train",
            "at_most": 0.4,
            "epochs": 5,
            "seeds": [1, 2],
        },
        "holds": {
            "title": "After 100 epochs, the loss on the test rows is below 0.65",
            "kind": "trains",
            "node": "loss",
            "at_most": 0.65,
            "epochs": 100,
            "credit": 2,
        },
    },
    steps=(
        Step(
            "start_values",
            "Where the weights start",
            "This is the network of the lesson before, with larger start values: the weights are "
            "drawn with a standard deviation of 3, so most lie between -6 and 6. Large sums push "
            "tanh to its ends, where it is flat and its slope is almost 0.",
            predict={"kind": "choice", "right": 1},
            question="What if all weights of a layer start at 0 instead?",
            choices=(
                "It is the best start, because nothing is flat.",
                "All neurons of a layer stay alike.",
                "The loss is 0.",
            ),
            answer="Neurons that start alike get the same gradient, so they stay alike. Good start "
            "values differ, and are small: the more inputs a neuron has, the smaller.",
        ),
        Step(
            "smaller_start",
            "Start smaller",
            "Click hidden, and set its kernel initializer to glorot_uniform. It draws small "
            "numbers that suit the number of inputs. The kernel is the matrix of weights. Do the "
            "same for score. Place a Gradient descent with the learning rate 0.02 and the name "
            "train, wire loss into it, and press Check.",
            checks=("starts",),
            points="hidden",
        ),
        Step(
            "batches",
            "Smaller batches",
            "A batch is the rows whose mean loss makes one step. There are 80 training rows, and "
            "the batch size is 80: each epoch, which is a pass over all rows, is a single step.",
            predict={"kind": "choice", "right": 2},
            question="You set the batch size to 10. How many steps has an epoch?",
            choices=("1", "10", "8", "80"),
            answer="80 / 10 = 8. The gradient of ten rows is rougher than the gradient of all, but "
            "eight rough steps lead further than one exact step. Set the batch size of the "
            "training to 10 now.",
        ),
        Step(
            "running_means",
            "Adam: two running means",
            "Adam is an optimizer that remembers earlier gradients. For each weight it keeps a "
            "running mean of the gradient: multiply mean by keep and gradient by share, add the "
            "products, and name the sum new_mean. In the same way, keep a running mean of the "
            "squared gradient: from square and gradient², name it new_square.",
            checks=("new_mean", "new_square"),
            points="multiply",
        ),
        Step(
            "adam_step",
            "Adam: the step",
            "The square root of new_square says how large gradients usually are. Add tiny to it, "
            "so that nobody divides by 0. Divide new_mean by the sum, and multiply by rate: that "
            "is the step. Subtract it from weight, and name the result moved.",
            checks=("moved",),
            points="sqrt",
        ),
        Step(
            "scale",
            "A thousand times steeper",
            "For some weights all gradients are a thousand times as large as for others.",
            predict={"kind": "choice", "right": 0},
            question="How much longer are Adam's steps for these weights?",
            choices=("about as long", "a thousand times", "a million times"),
            answer="Mean and root grow by the same factor, and their quotient stays. So one "
            "learning rate suits all weights.",
        ),
        Step(
            "use_adam",
            "Let Adam learn",
            "Remove the Gradient descent. Place an Adam named train with the learning rate 0.02, "
            "wire loss into it, and press Train. Is the batch size 10? Then press Check.",
            checks=("fast",),
            points="adam",
        ),
        Step(
            "shrink",
            "Weight decay",
            "A fast learner also learns noise by heart, and that takes large weights. Weight decay "
            "pulls each weight toward 0 a little in every step: subtract rate × decay × weight "
            "from moved, and name the result new_weight.",
            checks=("new_weight",),
            points="subtract",
        ),
        Step(
            "hold",
            "Use it",
            "Set the weight decay of train to 1. Press Train, look at the loss on the test rows, "
            "and press Check.",
            checks=("holds",),
            points="train",
        ),
    ),
    mistakes={
        "keeps_all": Mistake("The gradient is 1 in every step. Does your mean ever stop growing?"),
        "not_squared": Mistake("A gradient is negative. Can the mean of its square be?"),
        "no_root": Mistake("All gradients become ten times as large. Should Adam's step change?"),
        "no_mean": Mistake("Gradients swing from +1 to -1. Should the steps swing as well?"),
        "uphill": Mistake("The gradient points uphill. Where does your step go?"),
        "no_shrink": Mistake("The gradient is 0. Should the weight stay, or shrink a little?"),
        "whole_decay": Mistake("You halve the rate. Should the weights shrink as fast as before?"),
        "grows": Mistake("The gradient is 0. Does your weight come nearer to 0?"),
        "zeros": Mistake(
            "The weights of a layer start alike. Do its neurons ever differ?",
            {"setting": {"op": "layers/dense", "attr": "kernel_initializer.op", "value": "fill"}},
        ),
        "wide": Mistake(
            "How large are your weights at the start? Where is tanh flat?",
            {
                "setting": {
                    "op": "layers/dense",
                    "attr": "kernel_initializer.stddev",
                    "at_least": 0.8,
                }
            },
        ),
        "large_batches": Mistake(
            "How many steps has one of your epochs?",
            {"setting": {"node": "training", "attr": "batch_size", "at_least": 41}},
        ),
        "diverged": Mistake(
            "The loss is not a number any more. How long are the steps?",
            {"symptom": {"kind": "diverged"}},
        ),
        "no_decay": Mistake(
            "Compare the loss on training rows with the loss on test rows. What pulls your weights "
            "back to 0?",
            {
                "symptom": {"kind": "short", "low": 0.65},
                "setting": {"attr": "weight_decay", "at_most": 0.01},
            },
        ),
        "slow": Mistake(
            "Which optimizer takes your steps, and how long are they?",
            {"symptom": {"low": 0.4}},
        ),
    },
    milestones={
        "gradient_square": Milestone("gradient_square", "The squared gradient is right", 0.1),
        "size": Milestone("size", "The usual size of gradients is right", 0.1),
        "step": Milestone("step", "The step is right"),
        "shrink": Milestone("shrink", "The decay is right", 0.1),
    },
    done="Start small, take small batches, let Adam choose the length of each step, and let "
    "weights decay. The real Adam keeps 0.999 of the square, and corrects its first steps, because "
    "its means start at 0.",
)

"""Lesson 15: embeddings of letters, and a network that predicts the next letter of a name."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Milestone, Mistake, Step

LETTERS, SIZE, WINDOW = 28, 10, 3


def build(e: Drawing, mistake: str) -> None:
    e.add(
        "dataset", "names", source="tokens:resource:data/names.txt",
        targets="last", texts="lines", window=WINDOW, shuffle=True,
    )  # fmt: skip
    e.add("placeholder", "tokens", dtype="int64", shape=[None, WINDOW])
    e.add("placeholder", "next", dtype="int64", shape=[None])
    e.wire("names:tokens", "tokens:feed")
    e.wire("names:targets", "next:feed")
    start = {"op": "random_normal", "stddev": 1.0}
    e.add("variable", "letters", dtype="float32", shape=[LETTERS, SIZE], initializer=start)
    e.add("embedding_lookup", "three", "letters", "tokens")
    if mistake == "mean_of_letters":
        e.add("reduce_mean", "side_by_side", "three", axis=1)
    elif mistake == "row_for_each_letter":
        e.add("reshape", "side_by_side", "three", shape=[-1, SIZE])
    elif mistake == "mixed":
        e.add("transpose", "turned", "three", perm=[0, 2, 1])
        e.add("reshape", "side_by_side", "turned", shape=[-1, WINDOW * SIZE])
    else:
        e.add("reshape", "side_by_side", "three", shape=[-1, WINDOW * SIZE])
    e.add("layers/dense", "hidden", "side_by_side", units=60, activation="tanh")
    e.add("layers/dense", "scores", "hidden", units=LETTERS)
    e.add("generate", "invented", "scores", length=200, seed=1)
    e.view("invented", "text")
    e.add("sparse_softmax_cross_entropy", "losses", "next", "scores")
    e.add("reduce_mean", "loss", "losses")
    sample = [[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    e.add("placeholder", "some_scores", dtype="float32", shape=[None, 3], sample=sample)
    e.add("constant", "temperature", dtype="float32", value=0.5)
    if mistake == "no_temperature":
        e.add("identity", "cooler", "some_scores")
    else:
        e.add("multiply" if mistake == "times_temperature" else "divide", "cooler", "some_scores",
              "temperature")  # fmt: skip
    if mistake == "temperature_after":
        e.add("softmax", "shares", "some_scores")
        e.add("divide", "chances", "shares", "temperature")
    else:
        e.add("softmax", "chances", "cooler", axis=0 if mistake == "columns" else -1)
    e.add("adam", "train", "loss", learning_rate=0.01)
    measured = [{"node": "loss", "split": "validation"}]
    e.training("train", "loss", measured, epochs=4, batch_size=32)


LESSON = LessonSource(
    id="invent-names",
    title="Invent names",
    summary="Give each letter a learned vector, predict the next letter, and let it write.",
    minutes=25,
    build=build,
    given=(
        "names",
        "tokens",
        "next",
        "letters",
        "invented",
        "losses",
        "loss",
        "some_scores",
        "temperature",
    ),
    probes={
        "inputs": {
            "tokens": {"values": "integers", "low": 0, "high": LETTERS},
            "letters": {},
            "some_scores": {"scale": 2},
            "temperature": {"values": "uniform", "low": 0.25, "high": 2},
        },
        "large": 0,
    },
    checks={
        "three": {
            "title": "The vectors of three letters, named three",
            "kind": "values",
            "node": "three",
        },
        "side_by_side": {
            "title": "The three vectors in one row, named side_by_side",
            "kind": "values",
            "node": "side_by_side",
        },
        "scores": {
            "title": "A score for each of 28 characters, named scores",
            "kind": "type",
            "node": "scores",
            "dtype": "float32",
            "shape": [None, LETTERS],
        },
        "learned": {
            "title": "After 4 epochs, the loss on validation rows is below 2.5",
            "kind": "trains",
            "node": "loss",
            "split": "validation",
            "at_most": 2.5,
            "epochs": 4,
            "credit": 2,
        },
        "chances": {
            "title": "The chances at a temperature, named chances",
            "kind": "values",
            "node": "chances",
        },
        "sums": {"title": "The chances sum to 1", "kind": "sums_to", "node": "chances"},
    },
    steps=(
        Step(
            "numbers",
            "Letters are not numbers",
            "tokens holds three characters of a name in each row, and next the character that "
            "follows. Each character has a number: a name's beginning and end, and the letters a "
            "to z. Such a piece of text is called a token.",
            predict={"kind": "choice", "right": 1},
            question="a has the number 2, b has 3, and y has 26. What does that say about letters?",
            choices=(
                "b is more like a than like y.",
                "Nothing: the numbers are only names.",
                "y is thirteen times a.",
            ),
            answer="So a network should not calculate with these numbers. They only say which row "
            "of a table to read.",
        ),
        Step(
            "look_up",
            "A vector for each letter",
            "letters is a table of variables: a row of 10 numbers for each of 28 characters. Such "
            "a row is called an embedding. Training moves letters that are used alike, such as "
            "vowels, near each other. Place an Embedding lookup, wire letters and tokens into it, "
            "and name it three.",
            checks=("three",),
            points="embedding_lookup",
        ),
        Step(
            "shape",
            "What shape is it?",
            "tokens has a row for each example, and 3 tokens in a row.",
            predict={"kind": "choice", "right": 2},
            question="There are 5 examples. What shape has three?",
            choices=("(5, 3)", "(5, 30)", "(5, 3, 10)"),
            answer="(5, 3, 10): each of the 5 × 3 numbers has become a vector of 10 numbers.",
        ),
        Step(
            "join",
            "Side by side",
            "A Dense layer wants one row for each example. Place a Reshape with the shape "
            "(-1, 30), so that the vectors of the three letters stand side by side, and name it "
            "side_by_side. -1 stands for as many rows as there are.",
            checks=("side_by_side",),
            points="reshape",
        ),
        Step(
            "network",
            "Predict the next letter",
            "Place a Dense with 60 units and the activation tanh, and after it a Dense with 28 "
            "units: a score for each character that may come next. Name it scores, and wire it "
            "into the logits of losses and of invented. invented writes names: it draws a letter, "
            "appends it, and reads the last three letters again.",
            checks=("scores",),
            points="layers/dense",
        ),
        Step(
            "clueless",
            "Before it learns",
            "The network knows nothing yet, so all 28 characters are about equally likely.",
            predict={"kind": "choice", "right": 1},
            question="What is its loss, the mean of -log of the right character's probability?",
            choices=("about 1", "log 28, about 3.3", "28"),
            answer="-log(1/28) = log 28, about 3.3. Anything below is learned.",
        ),
        Step(
            "train",
            "Train, and read",
            "Place an Adam with the learning rate 0.01, wire loss into it, and press Train. Then "
            "look at invented, and press Check.",
            checks=("learned",),
            deed={"event": "trained"},
            points="adam",
        ),
        Step(
            "temperature",
            "How daring is it?",
            "Before a letter is drawn, its scores are divided by a temperature. Try it with "
            "some_scores: divide them by temperature, take the Softmax of each row, and name it "
            "chances.",
            checks=("chances", "sums"),
            points="divide",
        ),
        Step(
            "cold",
            "Cold and hot",
            "A temperature of 0.5 doubles all differences between scores.",
            predict={"kind": "choice", "right": 0},
            question="What does a lower temperature do to the names?",
            choices=(
                "They become more usual.",
                "They become more daring.",
                "They become longer.",
            ),
            answer="The likeliest letter becomes likelier still. Click invented, and try the "
            "temperatures 0.3 and 2.",
        ),
    ),
    mistakes={
        "mean_of_letters": Mistake("Does your row differ for “nan” and “ann”?"),
        "row_for_each_letter": Mistake("How many rows has side_by_side, and how many examples?"),
        "mixed": Mistake("Which ten numbers of a row belong to the first letter?"),
        "times_temperature": Mistake(
            "At a temperature of 0.1, should the differences of scores grow or shrink?"
        ),
        "no_temperature": Mistake("You set temperature to 2. Do your chances change?"),
        "temperature_after": Mistake("What do the chances of a row sum to?"),
        "columns": Mistake("What sums to 1: your rows, or your columns?"),
        "as_numbers": Mistake(
            "Is the letter 3 closer to 2 than to 26? Which op reads a row of a table?",
            {"lacks": ["embedding_lookup", "gather", "one_hot"]},
        ),
        "diverged": Mistake(
            "The loss is not a number any more. How long are the steps?",
            {"symptom": {"kind": "diverged"}},
        ),
        "clueless": Mistake(
            "log 28 is about 3.3. Has your network learned anything? How long are its steps?",
            {"symptom": {"low": 3.0}},
        ),
        "slow": Mistake(
            "It learns, but slowly. Which optimizer takes your steps?",
            {"symptom": {"low": 2.5}},
        ),
    },
    milestones={
        "three": Milestone("three", "The vectors of the letters are right", 0.2),
        "cooler": Milestone("cooler", "The scores at the temperature are right", 0.2),
    },
    done="Words, pieces of words, and players of chess have embeddings as well. Select letters and "
    "look at its points: vowels lie near each other after a longer training.",
)

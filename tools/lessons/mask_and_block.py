"""Lesson 17: the causal mask by hand, and a block of attention that reverses names."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Milestone, Mistake, Step

PLACES, SIZE, CHARACTERS = 6, 32, 28
HIDDEN = -1e9
HIDE = [[HIDDEN if key > query else 0.0 for key in range(PLACES)] for query in range(PLACES)]
QUERIES = [[2.0 if column == row else 0.0 for column in range(16)] for row in range(PLACES)]


def build(e: Drawing, mistake: str) -> None:
    for name in ("queries", "keys"):
        e.add("placeholder", name, dtype="float32", shape=[PLACES, 16], sample=QUERIES)
    amounts = [[float(place)] for place in range(PLACES)]
    e.add("placeholder", "values", dtype="float32", shape=[PLACES, 1], sample=amounts)
    e.add("constant", "hide", dtype="float32", value=HIDE)
    e.add("constant", "four", dtype="float32", value=4.0)
    e.add("transpose", "keys_t", "keys")
    e.add("matmul", "products", "queries", "keys_t")
    e.add("identity" if mistake == "unscaled" else "divide", "agreement", "products",
          *([] if mistake == "unscaled" else ["four"]))  # fmt: skip
    if mistake == "past":
        e.add("transpose", "turned", "hide")
        e.add("add", "masked", "agreement", "turned")
    elif mistake == "zero_score":
        e.add("exp", "visible", "hide")
        e.add("multiply", "masked", "agreement", "visible")
    elif mistake in ("no_mask", "zero_weight"):
        e.add("identity", "masked", "agreement")
    else:
        e.add("add", "masked", "agreement", "hide")
    axis = 0 if mistake == "columns" else -1
    if mistake == "zero_weight":
        e.add("softmax", "all_weights", "masked")
        e.add("exp", "visible", "hide")
        e.add("multiply", "weights", "all_weights", "visible")
    else:
        e.add("softmax", "weights", "masked", axis=axis)
    e.add("matmul", "mixed", "weights", "values")
    _block(e)


def _block(e: Drawing) -> None:
    e.add("dataset", "names", source="tokens:resource:data/names.txt",
          targets="last", texts="lines", window=PLACES, shuffle=True)  # fmt: skip
    e.add("placeholder", "tokens", dtype="int64", shape=[None, PLACES])
    e.wire("names:tokens", "tokens:feed")
    e.add("reverse", "backwards", "tokens", axis=[1])
    e.add("reshape", "wanted", "backwards", shape=[-1])
    start = {"op": "random_normal", "stddev": 0.5}
    e.add("variable", "letters", dtype="float32", shape=[CHARACTERS, SIZE], initializer=start)
    e.add("variable", "places", dtype="float32", shape=[PLACES, SIZE], initializer=start)
    e.add("embedding_lookup", "vectors", "letters", "tokens")
    e.add("add", "placed", "vectors", "places")
    for name in ("query", "key", "value"):
        e.add("layers/dense", name, "placed", units=SIZE)
    e.add("attention", "read", "query", "key", "value")
    e.add("add", "block", "placed", "read")
    e.add("layers/dense", "scores", "block", units=CHARACTERS)
    e.add("reshape", "flat", "scores", shape=[-1, CHARACTERS])
    e.add("sparse_softmax_cross_entropy", "losses", "wanted", "flat")
    e.add("reduce_mean", "loss", "losses")
    e.add("argmax", "guess", "flat", axis=-1)
    e.add("equal", "hits", "guess", "wanted")
    e.add("cast", "ones", "hits", dtype="float32")
    e.add("reduce_mean", "accuracy", "ones")
    e.add("adam", "train", "loss", learning_rate=0.01)
    e.training("train", "loss", [{"node": "accuracy", "split": "test"}], epochs=2, batch_size=32)


LESSON = LessonSource(
    id="mask-and-block",
    title="The mask, and a block",
    summary="Hide the future from attention, and let a block of it reverse names.",
    minutes=25,
    build=build,
    given=(
        "queries",
        "keys",
        "values",
        "hide",
        "four",
        "names",
        "tokens",
        "backwards",
        "wanted",
        "letters",
        "places",
        "vectors",
        "flat",
        "losses",
        "loss",
        "guess",
        "hits",
        "ones",
        "accuracy",
    ),
    probes={"inputs": {name: {} for name in ("queries", "keys", "values")}, "large": 30},
    checks={
        "weights": {
            "title": "The weights that hide the future, named weights",
            "kind": "values",
            "node": "weights",
        },
        "rows": {
            "title": "The weights of each query sum to 1",
            "kind": "sums_to",
            "node": "weights",
        },
        "mixed": {"title": "The mixtures, named mixed", "kind": "values", "node": "mixed"},
        "keys": {
            "title": "No later key changes an earlier mixture",
            "kind": "ignores_future",
            "node": "mixed",
            "input": "keys",
        },
        "future": {
            "title": "No later value changes an earlier mixture",
            "kind": "ignores_future",
            "node": "mixed",
            "input": "values",
        },
        "reverses": {
            "title": "After 2 epochs, 95 % of the letters are right",
            "kind": "trains",
            "node": "accuracy",
            "at_least": 0.95,
            "epochs": 2,
            "credit": 3,
        },
    },
    steps=(
        Step(
            "future",
            "Who writes may not peek",
            "A network that writes text predicts each next letter from the letters so far. In "
            "training it gets whole texts, so attention must not look at later places. hide is a "
            "table with a row for each query and a column for each key: a very negative number "
            "where the key comes later than the query, and 0 elsewhere.",
            predict={"kind": "choice", "right": 2},
            question="You add -1 000 000 000 to a score, and then take the softmax of its row. "
            "What is its weight?",
            choices=("-1 000 000 000", "1", "0"),
            answer="e to the power of a very negative number is 0. The other weights of the row "
            "still sum to 1.",
        ),
        Step(
            "weights",
            "Weights that hide the future",
            "Multiply queries by the transposed keys, and divide by four, the square root of their "
            "size 16. Add hide, take the Softmax of each row, and name it weights. Adding such a "
            "table is called masking, and this mask is called causal.",
            checks=("weights", "rows"),
            points="add",
        ),
        Step(
            "first",
            "The first query",
            "Look at the first row of weights.",
            predict={"kind": "choice", "right": 0},
            question="What does the first query read?",
            choices=("the first value", "the mean of all values", "nothing"),
            answer="All later keys are hidden, so its only weight is 1, for the first value.",
        ),
        Step(
            "mix",
            "Mix what is visible",
            "Multiply weights by values, and name the result mixed. The check changes later keys "
            "and values, and looks whether earlier mixtures stay.",
            checks=("mixed", "keys", "future"),
            points="matmul",
        ),
        Step(
            "places",
            "Where is a letter?",
            "Now attention shall write six letters backwards. tokens holds six letters of a name "
            "in each row, and vectors a learned vector for each letter. Attention finds keys by "
            "what they hold, and not by their place.",
            predict={"kind": "choice", "right": 1},
            question="Can attention to the vectors alone tell “anna” from “naan”?",
            choices=(
                "Yes, it reads from left to right.",
                "No, it sees the same vectors in another order.",
            ),
            answer="So each place gets a learned vector as well: places has one in each row. It is "
            "added to the vector of the letter.",
        ),
        Step(
            "block",
            "Build the block",
            "Add vectors and places. From the sum, make queries, keys and values with three Dense "
            "layers of 32 units, and wire them into an Attention. Add its result to the sum that "
            "you began with: such a way around is called a residual connection, and lets slopes "
            "pass unchanged. A Dense of 28 units after it gives a score for each character: wire "
            "it into flat.",
            points="attention",
        ),
        Step(
            "train",
            "Let it reverse",
            "Place an Adam with the learning rate 0.01, wire loss into it, and press Train. Then "
            "press Check.",
            checks=("reverses",),
            deed={"event": "trained"},
            points="adam",
        ),
        Step(
            "causal",
            "With the mask?",
            "Attention has an attribute causal, which is the mask that you built.",
            predict={"kind": "choice", "right": 1},
            question="You make the block causal. Can it still reverse names?",
            choices=(
                "Yes, it learns that as well.",
                "No: the first letter of the result is the last of the name.",
                "Only short ones.",
            ),
            answer="The first place would have to read the last one, which is hidden. A mask is "
            "for writing on, where the future is not known.",
        ),
    ),
    mistakes={
        "no_mask": Mistake("Change the last value. Does your first mixture change?"),
        "past": Mistake("Which keys may the first query see in your graph?"),
        "zero_score": Mistake("A score is 0. Is its weight 0 after the softmax?"),
        "zero_weight": Mistake("What do the weights of your first query sum to?"),
        "unscaled": Mistake("Each product is a sum of 16. What is its spread?"),
        "columns": Mistake("What do the weights of each query sum to?"),
        "sizes": Mistake(
            "Both queries and keys have rows of 16 numbers. Which must be transposed?",
            {"error": {"kind": "ShapeError", "op": "matmul"}},
        ),
        "causal": Mistake(
            "Can the first place of your block read the last letter?",
            {"setting": {"op": "attention", "attr": "causal", "value": True}},
        ),
        "alone": Mistake(
            "Each place sees only its own letter. Which op lets it read another place?",
            {
                "lacks": ["attention", "layers/multi_head_attention", "layers/transformer_block"],
                "symptom": {"high": 0.6},
            },
        ),
        "diverged": Mistake(
            "The loss is not a number any more. How long are the steps?",
            {"symptom": {"kind": "diverged"}},
        ),
        "clueless": Mistake(
            "Nearly no letter is right. How far does a step go?",
            {"symptom": {"high": 0.3}},
        ),
        "no_places": Mistake(
            "Swap two letters of a name. Can your attention tell where each one was?",
            {"symptom": {"low": 0.3, "high": 0.8}},
        ),
        "nearly": Mistake("Is the accuracy still rising?", {"symptom": {"low": 0.8}}),
    },
    milestones={
        "products": Milestone("products", "The products of queries and keys are right", 0.1),
        "agreement": Milestone("agreement", "The scaled products are right", 0.1),
        "weights": Milestone("weights", "The weights are right"),
    },
    done="Many such blocks on top of each other, with the mask, and trained to predict the next "
    "token, write text. The example tiny_gpt is such a network: train it, and read what it writes.",
)

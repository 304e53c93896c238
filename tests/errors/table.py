"""The provocations of each class of errors, and where those are tested that need more than one."""

from __future__ import annotations

from pathlib import Path

import nodeflow as nf
from nodeflow import resources
from nodeflow.data.catalog import open_dataset
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.formula.insert import add_expression
from nodeflow.document.io import journal
from nodeflow.document.model.document import Document
from nodeflow.manifests import Integration, Software, offer
from nodeflow.ops.training.optimizers import GradientDescentOptimizer
from nodeflow.ops.variables.scope import Variable

from .provocations import (
    ONE_COLUMN,
    PLACEHOLDER,
    Provocation,
    constant,
    dataset,
    graph,
    instances,
    of_integrations,
    opening,
    sum_of,
)


def with_node() -> tuple[Document, str]:
    document = Document()
    return document, commands.add_node(document, "constant", (0, 0))


def rename(name: str, taken: bool = False) -> None:
    document, node = with_node()
    if taken:
        commands.rename(document, commands.add_node(document, "constant", (0, 0)), name)
    commands.rename(document, node, name)


def without_software() -> None:
    """What an integration says where its software is not installed."""
    software = Software("scikit-learn", "no_sklearn_here", "scikit-learn>=1.5")
    Integration("tsne", "t-SNE", software, Path()).check_software()


def formula(text: str) -> None:
    document = Document()
    add_expression(document, Analysis(document), text)


def locked() -> None:
    document, _ = with_node()
    document.locked = "This shows what is derived"
    commands.add_node(document, "constant", (0, 0))


def out_of_bounds() -> None:
    with nf.Graph() as own:
        w = nf.variable(1.0, name="w")
        nf.gradient_descent(nf.square(w, name="loss"), learning_rate=1.5)
    nf.train.fit(own, epochs=9, keep_run=False, bounds={w: (-4, 4)})


def bad_value() -> None:
    document, node = with_node()
    commands.set_attr(document, node, "value", {1, 2})


def journal_of(text: str) -> None:
    path = nf.paths.Path("a.journal")
    path.write_text(text)
    journal.recover(path)


def uninitialised() -> None:
    with nf.Graph().as_default(), nf.Session(tier="reference") as session:
        session.run(Variable(1.0, name="w"))


def out_of_range() -> None:
    with nf.Graph().as_default(), nf.Session(tier="reference") as session:
        element = nf.data.Dataset.range(1).make_one_shot_iterator().get_next()
        session.run(element)
        session.run(element)


def two_assigns() -> None:
    with nf.Graph().as_default(), nf.Session(tier="reference") as session:
        w = Variable(1.0, name="w")
        first, second = nf.assign(w, 2.0), nf.assign(w, 3.0)
        session.run(w.initializer)
        session.run([first, second])


def unknown_rank() -> None:
    with nf.Graph().as_default():
        nf.transpose(nf.matmul(nf.placeholder(nf.float32), nf.placeholder(nf.float32)))
        nf.layers.dense(nf.placeholder(nf.float32), 3)


def no_gradient() -> None:
    with nf.Graph().as_default():
        GradientDescentOptimizer(0.1).minimize(nf.constant(2.0))


def unsaved() -> None:
    with nf.Graph().as_default() as made:
        nf.py_func(lambda x: x, [nf.constant(1.0)], nf.float32)
        nf.save(made, "a.flow")


RESUMED = ("train", "a.flow", "--resume", "nothing", "--no-run")
DEEP = '{"format": "nodeflow", "version": 3, "nodes": [' + "[" * 5000 + "]}"
NESTED = {f"s{n}": instances(f"s{n + 1}", 9) for n in range(1, 9)}
NESTED["s9"] = instances("s9", 0)
DIVERGING = graph(
    ("variable", {"value": 1.0}), ("log", {}), ("gradient_descent", {"learning_rate": 10.0}),
    wires=[("n1", "out", "n2", "x"), ("n2", "out", "n3", "loss")],
    training={"optimizer": "n3", "loss": "n2", "epochs": 50},
)  # fmt: skip

TABLE: dict[str, Provocation] = {
    "SpecProblem": Provocation(("sweep", "a.flow", "--set", "train.rate=5..1")),
    # ---- lessons
    "LessonProblem": Provocation(
        ("grade", "a.flow", "answers"),
        {"a.flow": graph(constant(1), lesson={"schema": 1, "id": "a", "texts": {}})},
    ),
    "NewerLesson": Provocation(
        ("grade", "a.flow", "answers"), {"a.flow": graph(constant(1), lesson={"schema": 9})}
    ),
    # ---- files
    "FlowRead": Provocation(("run", "missing.flow"), {}, "missing.flow"),
    "FlowSyntax": opening('{"format": "nodeflow", '),
    "NotNodeflow": opening('{"format": "other"}'),
    "NewerVersion": opening('{"format": "nodeflow", "version": 99}'),
    "FlowContent": opening(graph(next_id=-1)),
    "DuplicateId": opening(graph(constant(1), constant(2)).replace('"n2"', '"n1"')),
    "WireToNothing": opening(graph(constant(1), wires=[("n1", "out", "n7", "x")])),
    "UnsafePath": opening(graph(weights="../../w.safetensors")),
    "DataFile": Provocation(("run", "a.csv"), {"a.csv": ONE_COLUMN}),
    "FlowWrite": Provocation(
        ("merge", "a.flow", "a.flow", "a.flow", "-o", "gone/b.flow"), {"a.flow": graph()}
    ),
    "FileProblem": Provocation(
        ("train", "a.flow", "--save-weights", "gone/w.safetensors", "--no-run"),
        {"a.flow": DIVERGING},
    ),
    "SoftwareMissing": Provocation(call=without_software),
    "NotOffered": Provocation(call=lambda: offer("projection", "umap", ["pca"])),
    "JournalError": Provocation(call=lambda: journal_of("nothing\n")),
    "MissingResource": Provocation(call=lambda: resources.example("mnits")),
    "CheckpointProblem": Provocation(RESUMED, {"a.flow": DIVERGING}),
    # ---- data
    "UnknownSource": dataset("nothing"),
    "DataNotFound": dataset("csv:gone.csv"),
    "DataFormatError": dataset("npz:a.npz", **{"a.npz": b"no archive"}),
    "OutsideData": dataset("csv:/etc/hostname"),
    "ReadRefused": Provocation(
        ("run", "a.flow", "--dataset", "csv:/dev/zero"),
        {"a.flow": graph(("dataset", {"source": "csv:a.csv"}), ("identity", {}),
                         wires=[("n1", "x", "n2", "x")])},
    ),
    "UnknownSplit": Provocation(
        files={"a.csv": ONE_COLUMN}, call=lambda: open_dataset("csv:a.csv").split("nothing")
    ),
    "StarterMisfit": Provocation(
        ("new", "a.csv", "--starter", "pictures"), {"a.csv": ONE_COLUMN}
    ),
    "NotInCode": Provocation(
        ("export", "a.flow", "--to", "numpy"),
        {"a.flow": graph(constant([[4.0]]), ("cholesky", {}), wires=[("n1", "out", "n2", "x")])},
    ),
    # ---- graphs
    "ShapeError": sum_of(constant([1, 2]), constant([1, 2, 3])),
    "DtypeError": sum_of(constant(1), constant(1, "int32")),
    "AttributeProblem": opening(graph(("random_normal", {"shape": [2], "stddev": -1.0}))),
    "WiredAttribute": Provocation(
        ("run", "a.flow", "--set", "b.beta1=0.5"),
        {"a.flow": graph(constant(0.1), ("adam", {}), wires=[("n1", "out", "n2", "beta1")])},
    ),
    "LiteralError": opening(graph(constant(2.5, "int32"))),
    "CycleError": opening(graph(
        ("identity", {}), ("identity", {}),
        wires=[("n1", "out", "n2", "x"), ("n2", "out", "n1", "x")],
    )),
    "MissingInput": opening(graph(("relu", {}))),
    "MissingShape": opening(graph(
        constant([[1.0, 2.0]]), ("variable", {"value": 0.5}), ("matmul", {}),
        wires=[("n1", "out", "n3", "x"), ("n2", "out", "n3", "y")],
    )),
    "UnknownOp": opening(graph(("matmull", {}))),
    "UnknownRank": Provocation(call=unknown_rank),
    "UnknownName": Provocation(("run", "a.flow", "--fetch", "aa"), {"a.flow": graph(constant(1))}),
    "GradientError": Provocation(call=no_gradient),
    "ArgumentProblem": Provocation(call=lambda: nf.save()),
    "NameProblem": Provocation(call=lambda: nf.constant(1.0, name="a b")),
    "GraphError": Provocation(call=lambda: nf.train.Saver([])),
    "UserOpError": Provocation(call=lambda: nf.op(3)),
    "NotInFile": Provocation(call=unsaved),
    "UnresolvedConflicts": Provocation(
        ("train", "a.flow", "--no-run"),
        {"a.flow": graph(conflicts=[
            {"path": "nodes.n1.attrs.value", "base": 1, "ours": 2, "theirs": 3}
        ])},
    ),
    # ---- subgraphs
    "UnknownSubgraph": opening(graph(("subgraph", {"definition": "gone"}))),
    "RecursiveSubgraph": opening(
        graph(("subgraph", {"definition": "f"}), subgraphs={"f": instances("f", 1)})
    ),
    "SubgraphTooLarge": opening(graph(("subgraph", {"definition": "s1"}), subgraphs=NESTED)),
    # ---- edits
    "BadName": Provocation(call=lambda: rename("a b")),
    "NameTaken": Provocation(call=lambda: rename("twice", taken=True)),
    "NoSuchNode": Provocation(call=lambda: commands.rename(Document(), "n5", "a")),
    "DocumentLocked": Provocation(call=locked),
    "BadValue": Provocation(call=bad_value),
    "ExpressionError": Provocation(call=lambda: formula("y = 2 +")),
    # ---- runs
    "MissingFeed": Provocation(("run", "a.flow"), {"a.flow": graph(PLACEHOLDER)}),
    "FeedError": Provocation(
        ("run", "a.flow", "--feed", "a=[1,2,3]"), {"a.flow": graph(PLACEHOLDER)}
    ),
    "FetchError": Provocation(("run", "a.flow"), {"a.flow": graph()}),
    "NotInitialized": Provocation(call=uninitialised),
    "OutOfRangeError": Provocation(call=out_of_range),
    "AssignOrderError": Provocation(call=two_assigns),
    "OutOfBoundsError": Provocation(call=out_of_bounds),
    "NonFiniteError": Provocation(("train", "a.flow", "--no-run"), {"a.flow": DIVERGING}),
    "RunError": Provocation(
        ("run", "a.flow"),
        {"a.flow": graph(constant(1, "int32"), constant(0, "int32"), ("floor_divide", {}),
                         wires=[("n1", "out", "n3", "x"), ("n2", "out", "n3", "y")])},
    ),
    "ArgumentSyntax": Provocation(("run", "a.flow", "--feed", "a"), {"a.flow": graph(constant(1))}),
    **of_integrations(),
}  # fmt: skip

ELSEWHERE: dict[str, tuple[str, str]] = {
    "BadPort": (
        "tests/document/test_create_subgraph.py",
        "another port is called 'x'. Port names must be unique.",
    ),
    "Cancelled": ("tests/engine/test_executor.py", "the run was cancelled"),
    "CannotResolve": (
        "tests/document/test_resolve.py",
        "the subgraph `f` has another node 'inputs'",
    ),
    "ChangedProblem": (
        "tests/train/test_resume.py",
        "the checkpoint is of another training: batch_size was 20, and is 30",
    ),
    "ChecksumError": (
        "tests/data/test_fetch.py",
        "train.gz could not be downloaded: the download does not have the SHA-256 440fcabf73cc546f",
    ),
    "DanglingWire": (
        "tests/document/test_commands.py",
        "no node has the id 'n9', which a wire needs",
    ),
    "DataError": (
        "tests/engine/test_staging.py",
        "the cache numbers cannot be written: No space left on device",
    ),
    "DownloadCancelled": (
        "tests/data/test_fetch.py",
        "the download of train.gz was cancelled. What was received is kept; the "
        "next attempt continues there.",
    ),
    "DownloadError": (
        "tests/data/test_fetch.py",
        "mnist cannot be written: Permission denied. Free some space, or choose a folder that you "
        "may write to.",
    ),
    "EngineBusy": ("tests/host/test_request_queue.py", "the engine takes no requests"),
    "EngineDied": (
        "tests/host/test_random_kills.py",
        "the engine process ended unexpectedly. It restarts by itself.",
    ),
    "KernelError": ("tests/engine/test_cache.py", "the kernel does not compile"),
    "NetworkProblem": (
        "tests/data/test_fetch.py",
        "train.gz could not be downloaded: Connection refused. Check the network "
        "and try again, or put the file into the folder yourself.",
    ),
    "OverBudget": ("tests/host/test_live_budget.py", "fill: 3.6 GB: press Run to compute"),
    "PlanError": ("tests/engine/test_verify.py", "two writers of one value in a level"),
    "RunStoreProblem": (
        "tests/run_store/test_store.py",
        "runs are not kept: NODEFLOW_RUNS is off",
    ),
    "StageFull": (
        "tests/document/test_stage.py",
        "the stage has 6 controls already",
    ),
    "SubgraphError": (
        "tests/document/test_create_subgraph.py",
        "only a subgraph has ports. Enter a subgraph first.",
    ),
    "UnknownRun": ("tests/run_store/test_store.py", "there is no run 'rnothing'"),
    "ViewProblem": ("tests/host/test_views.py", "there is nothing to draw"),
}
"""Errors that need another process, a server or a crash, and faults of nodeflow itself: the test
that provokes each, and what it says, shortened."""

FAMILIES = {"DocumentError", "FlowError", "FlowFormatError", "StillReading"}
"""Classes that are raised as one of their subclasses, and what is no error for its user."""

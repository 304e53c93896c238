"""No raw exception from the public API: wrong types and counts of arguments are nodeflow errors.

Every public function and method is called with values drawn from a list of unlikely ones; the draw
is seeded by its name. Only a class or a method called with a wrong number of arguments may answer
with Python's own TypeError, whose text says what is missing.
"""

from __future__ import annotations

import inspect
import random
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.recorded_runs import RunOptions
from nodeflow.errors import ArgumentProblem, GraphError, NameProblem, NodeflowError, RunError
from nodeflow.public import public

TRIALS = 12
SKIPPED = {
    "load_plugins",  # reads the user's folder
    "reset_default_graph",
    "DType",  # a str, made by nodeflow only
    "Session.close", "InteractiveSession",  # leave the thread's defaults changed
    "run", "set_verbosity",  # of a whole program
    "Copy", "DeleteRecursively", "FastGFile", "GFile", "MakeDirs", "MkDir", "Open", "Remove",
    "Rename",  # change files
}  # fmt: skip
COUNTS = re.compile(r"missing|takes|unexpected keyword|multiple values|positional")


def spaces() -> dict[str, Any]:
    found = {name: getattr(nf, name) for name in sorted(nf.MODULES)}
    return {"": nf, **found}


def shown(space: Any) -> list[str]:
    if space is nf:
        return [n for n in dir(nf) if not n.startswith("_")]
    return sorted(space.NAMES if hasattr(space, "NAMES") else space.__all__)


FUNCTIONS = [
    (f"{title}.{name}".lstrip("."), title, name)
    for title, space in spaces().items()
    for name in shown(space)
    if name not in SKIPPED and callable(getattr(space, name)) and name not in nf.MODULES
]


def unlikely(graph: nf.Graph) -> list[Any]:
    """Values that fit nowhere, or somewhere else."""
    number, vector = nf.constant(1.0), nf.constant([1, 2])
    return [
        None, 5, -1, 2.5, True, 10**30, float("nan"), 1j, "x", "", "nothing", b"x", [], [1], ["a"],
        [[1, 2], [3]], (), {}, {"a": 1}, set(), range(3), iter([]), object(), np.zeros(2),
        np.array(["a"]), np.float32(1), graph, nf.Session, number, vector, nf.no_op(),
        [number, None], lambda: 1,
    ]  # fmt: skip


def draws(name: str, graph: nf.Graph) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    rng = random.Random(zlib.crc32(name.encode()))
    values = unlikely(graph)
    yield [], {}
    for _ in range(TRIALS):
        count = rng.choice((1, 1, 1, 2, 2, 3, 4, 12))
        named = rng.choice(("name", "axis", "wrong", "shape", "dtype", "seed"))
        keywords = {named: rng.choice(values)} if rng.random() < 0.3 else {}
        yield [rng.choice(values) for _ in range(count)], keywords


def call(function: Callable[..., Any], args: list[Any], keywords: dict[str, Any]) -> None:
    try:
        result = function(*args, **keywords)
        if hasattr(result, "gen"):  # a context manager made of a generator
            with result:
                pass
    except NodeflowError:
        pass
    except TypeError as error:
        is_function = inspect.isfunction(function)
        assert not is_function and COUNTS.search(str(error)), (args, keywords)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("title", "space", "name"), FUNCTIONS, ids=[f[0] for f in FUNCTIONS])
def test_a_function(title: str, space: str, name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    function = getattr(spaces()[space], name)
    with nf.Graph() as graph:
        for args, keywords in draws(title, graph):
            with nf.Graph() if not graph.nodes else graph:
                call(function, args, keywords)


METHODS = [
    f"{kind.__name__}.{name}"
    for kind in (nf.Graph, nf.Session, nf.Tensor, nf.Node)
    for name in dir(kind)
    if not name.startswith("_") and callable(getattr(kind, name))
    and f"{kind.__name__}.{name}" not in SKIPPED
]  # fmt: skip
INTERNAL = {
    "Graph.apply", "Graph.add_node", "Graph.deriving", "Graph.discard_since", "Graph.reserve",
    "Graph.occupy", "Graph.unique_name", "Graph.as_tensor", "Session.stream_of", "Session.team",
    "Session.stepper", "Session.look", "Session.forget_plans", "Session.profile", "Session.explain",
}  # fmt: skip
"""Methods that nodeflow itself calls, with arguments of its own."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", [m for m in METHODS if m not in INTERNAL])
def test_a_method(method: str) -> None:
    kind, _, name = method.partition(".")
    with nf.Graph() as graph:
        tensor = nf.variable([1.0, 2.0], name="w")
        with nf.Session(graph, tier="reference") as session:
            session.initialize()
            owners = {"Graph": graph, "Session": session, "Tensor": tensor, "Node": tensor.op}
            for args, keywords in draws(method, graph):
                if not graph.finalized:
                    call(getattr(owners[kind], name), args, keywords)


OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "lt", "ge", "and"]


@pytest.mark.parametrize("operator", [*OPERATORS, "getitem", "eq", "ne"])
def test_an_operator(operator: str) -> None:
    with nf.Graph() as graph:
        tensor = nf.constant([1.0, 2.0])
        for value in unlikely(graph):
            call(getattr(tensor, f"__{operator}__"), [value], {})


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        (lambda x, s: s.run(x, [1]), RunError, "feed_dict is a list"),
        (lambda x, s: nf.constant(1.0, name=5), NameProblem, "5 is not a valid name"),
        (
            lambda x, s: nf.variable(),
            ArgumentProblem,
            "missing a required argument: 'initial'. Call variable",
        ),
        (lambda x, s: nf.Session("x.flow"), GraphError, "expected a Graph to run"),
        (lambda x, s: nf.constant(2.5, nf.int32), GraphError, "2.5 is not an int32"),
        (lambda x, s: s.run(x, {x: x}), RunError, "Feed a value, not a tensor: run it first"),
        (
            lambda x, s: s.run([], None, 5),
            ArgumentProblem,
            "options must be a RunOptions, not an int",
        ),
        (
            lambda x, s: s.run([], None, RunOptions(trace_level=3), {}),
            ArgumentProblem,
            "run_metadata must be a RunMetadata, not a dict",
        ),
        (lambda x, s: s.steps_of(5), ArgumentProblem, "optimizers must be Iterable.*not an int"),
        (lambda x, s: nf.group([x, 3]), GraphError, "group takes nodes and tensors"),
    ],
)
def test_messages_read_well(wrong: Callable[..., Any], error: type[Exception], said: str) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [2], name="x")
        with nf.Session(graph, tier="reference") as session, pytest.raises(error, match=said):
            wrong(x, session)


def test_what_a_users_function_raises_is_passed_on() -> None:
    def body(x: nf.Tensor) -> nf.Tensor:
        raise KeyError("mine")

    with nf.Graph(), pytest.raises(KeyError, match="mine"):
        nf.map_fn(body, nf.constant([1.0, 2.0]))


@pytest.mark.parametrize("folder", ["site-packages", "dist-packages", "mine"])
def test_a_library_is_known_wherever_it_is_installed(folder: str) -> None:
    """Debian, --user and lib64 have folders of their own, which this Python may not name."""
    lines = "def fail(x):\n    raise ValueError('inside')"
    names: dict[str, Any] = {}
    exec(compile(lines, f"/opt/{folder}/library.py", "exec"), names)
    expected = ValueError if folder == "mine" else ArgumentProblem
    with pytest.raises(expected, match="inside"):
        public(names["fail"])(1)

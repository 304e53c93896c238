"""Spoilt .flow files: structured changes of the examples that no window would make.

Each is a function of its number alone, so that a finding can be made again.
"""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from random import Random
from typing import Any

from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER
from nodeflow.ops import REGISTRY
from nodeflow.resources import examples

HUGE = [2**31, -(2**31), 2**53, 2**63, -(2**63), 10**30, 10**400, 1e308, 5e-324, -0.0]
TEXTS = [
    "", " ", "\0", "\ud800", "a" * 2000, "../x", "/dev/zero", "~nouser/x", "NaN", "Infinity",
    "x\ny", "𝔘", "\u202e", "n1", "n2", "f1", "out", "x", "values.0", "csv:~nouser/x.csv",
    "csv:a\0b", "npz:/", "pictures:/proc", "resource:\0", "mnist:", "text:/dev/zero",
    "layers/dense", "W/kernel", "float32", "complex64", "string", "%s%n", "<img src=x>", "cond",
    "while_loop", "scan", "1/2", "--help",
]  # fmt: skip
PORTS = [
    "out", "x", "y", "feed", "control", "done", "values.0", "values.1", "values.-1", "outs.0",
    "shape", "values.99999999999999999999", "values.²", "values.", ".0", "images", "labels",
    "initial", "pred", "again", "training", "", "out:1", "control.0", "control.99999999",
]  # fmt: skip
SOURCES = [
    "csv:~nouser/x.csv", "csv:a\0b.csv", "csv:", "csv", ":", "npz:\ud800", "pictures:/proc/1",
    "mnist:x", "csv:resource:\0", "resource:", "csv:" + "a" * 5000 + ".csv",
    "csv:" + "d/" * 3000 + "x", "csv:.", "npy:/dev/zero", "text:/proc/self/mem",
    "csv:/proc/self/environ", "spirals", "csv:\n", "npz:~",
]  # fmt: skip
SHAPES = [
    [-1],
    [2**40],
    [2**62, 2**62],
    [None] * 40,
    [[2]],
    "none",
    [0],
    [1.5],
    [True],
    {},
    [[]] * 3,
]


def weird(random: Random) -> Any:
    """A value that hardly any field expects."""
    return random.choice(
        [
            lambda: None,
            lambda: random.random() < 0.5,
            lambda: random.randint(-3, 3),
            lambda: random.uniform(-9, 9),
            lambda: random.choice(HUGE),
            lambda: random.choice(TEXTS),
            list,
            dict,
            lambda: copy.deepcopy(random.choice(SHAPES)),
            lambda: [weird(random) for _ in range(random.randint(1, 4))],
            lambda: {random.choice(TEXTS): weird(random) for _ in range(random.randint(1, 3))},
            lambda: nested(random.choice([5, 40, 60, 90])),
        ]
    )()


def nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


@lru_cache(maxsize=1)
def originals() -> list[str]:
    """The examples, and one with a subgraph, a loop, a layer and its settings in one file."""
    texts = [path.read_text(encoding="utf-8") for path in examples()]
    return [*texts, json.dumps(composed())]


def composed() -> dict[str, Any]:
    """Instances, a loop, a branch, frames and a training in one small file."""

    def node(number: int, op: str, **attrs: Any) -> dict[str, Any]:
        return {
            "id": f"n{number}",
            "op": op,
            "name": f"{op.split('/')[-1]}_{number}",
            "attrs": attrs,
        }

    inside = {
        "nodes": [
            node(20, "subgraph_inputs", ports=["x", "again"]), node(21, "subgraph_outputs",
            ports=["x", "again"]),
            node(22, "relu"),
        ],
        "wires": [["n20", "x", "n22", "x"], ["n22", "out", "n21", "x"], ["n20", "again", "n21",
        "again"]],
    }  # fmt: skip
    outer = {
        "nodes": [
            node(30, "subgraph_inputs", ports=["x"]), node(31, "subgraph_outputs", ports=["x"]),
            node(32, "subgraph", definition="inner"),
        ],
        "wires": [["n30", "x", "n32", "x"], ["n32", "x", "n31", "x"]],
    }  # fmt: skip
    return {
        "format": "nodeflow", "version": 3, "next_id": 40,
        "nodes": [
            node(1, "placeholder", dtype="float32", shape=[None, 4]), node(2, "variable",
            value=[1.0]),
            node(3, "layers/dense", units=3), node(4, "reduce_mean"), node(5, "adam"),
            node(6, "subgraph", definition="inner"), node(7, "subgraph", definition="outer"),
            node(8, "subgraph", definition="inner", flow="while_loop"), node(9, "reroute"),
            node(10, "dataset", source="spirals"), node(11, "gradients"), node(12, "concat"),
            node(13, "constant", value=[[1, 2], [3, 4]], dtype="int32"), node(14, "assign"),
        ],
        "wires": [
            ["n1", "out", "n3", "x"], ["n3", "out", "n4", "x"], ["n4", "out", "n5", "loss"],
            ["n3", "out", "n6", "x"], ["n6", "x", "n7", "x"], ["n7", "x", "n8", "x"],
            ["n3", "out", "n9", "x"], ["n10", "points", "n1", "feed"], ["n2", "out", "n12",
            "values.0"],
            ["n2", "out", "n12", "values.1"], ["n2", "out", "n14", "variable"],
        ],
        "frames": [{"id": "f1", "title": "A", "note": "B", "color": "blue", "rect": [0, 0, 9, 9]}],
        "subgraphs": {"inner": inside, "outer": outer},
        "training": {"optimizer": "n5", "epochs": 1, "metrics": [{"node": "n4", "split": "test"}]},
        "weights": "w.safetensors",
    }  # fmt: skip


def mutant(number: int) -> str:
    """The text of a spoilt file."""
    random = Random(number)
    data = json.loads(random.choice(originals()))
    for _ in range(random.choice([1, 1, 1, 2, 3, 5, 8])):
        try:
            random.choice(MUTATIONS)(data, random)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            continue  # an earlier change has removed what this one wants
    return json.dumps(data)


def _places(data: Any, path: tuple = ()) -> list[tuple]:
    found = [path] if path else []
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items if isinstance(data, (dict, list)) else ():
        found += _places(value, (*path, key))
    return found


def _at(data: Any, path: tuple) -> Any:
    for key in path:
        data = data[key]
    return data


def _replace(data: dict, random: Random) -> None:
    *above, last = random.choice(_places(data))
    _at(data, tuple(above))[last] = weird(random)


def _remove(data: dict, random: Random) -> None:
    *above, last = random.choice(_places(data))
    del _at(data, tuple(above))[last]


def _swap(data: dict, random: Random) -> None:
    places = _places(data)
    (*a, x), (*b, y) = random.choice(places), random.choice(places)
    one, other = copy.deepcopy(_at(data, (*a, x))), copy.deepcopy(_at(data, (*b, y)))
    _at(data, tuple(a))[x] = other
    _at(data, tuple(b))[y] = one


def _graphs(data: dict) -> list[dict]:
    return [data, *data["subgraphs"].values()]


def _graph(data: dict, random: Random) -> dict:
    return random.choice(_graphs(data))


def _node(data: dict, random: Random) -> dict:
    return random.choice(_graph(data, random)["nodes"])


def _wire(data: dict, random: Random) -> None:
    graph = _graph(data, random)
    source, target = random.choice(graph["nodes"]), random.choice(graph["nodes"])
    known = [wire[i] for wire in graph["wires"] for i in (1, 3)]
    ports = random.choices([*PORTS, *known], k=2)
    graph["wires"].append([source["id"], ports[0], target["id"], ports[1]])


def _rewire(data: dict, random: Random) -> None:
    wire = random.choice(_graph(data, random)["wires"])
    at = random.randrange(4)
    wire[at] = random.choice(PORTS) if at % 2 else _node(data, random)["id"]


def _op(data: dict, random: Random) -> None:
    special = ["subgraph", *BORDER, "dataset", "reroute", "from_the_future"]
    _node(data, random)["op"] = random.choice([random.choice(special), random.choice(_ops())])


@lru_cache(maxsize=1)
def _ops() -> list[str]:
    return sorted(op.id for op in REGISTRY)


def _attr(data: dict, random: Random) -> None:
    node = _node(data, random)
    names = list(node["attrs"])
    if node["op"] in REGISTRY:
        names += [attr.name for attr in REGISTRY.lookup(node["op"]).attrs]
    node["attrs"][random.choice(names or ["value"])] = weird(random)


def _source(data: dict, random: Random) -> None:
    sets = [n for graph in _graphs(data) for n in graph["nodes"] if n["op"] == "dataset"]
    node = random.choice(sets) if sets else _node(data, random)
    node["op"] = "dataset"
    node["attrs"] = {"source": random.choice(SOURCES)}
    if random.random() < 0.3:
        node["attrs"][random.choice(["labels", "splits", "window", "size"])] = weird(random)


def _field(data: dict, random: Random) -> None:
    """Fields of nodes that are no attributes: modes, views, streams."""
    fields = "mode bypass muted view stream breakpoint slider collapsed pos".split()
    _node(data, random)[random.choice(fields)] = random.choice(
        ["muted", "bypassed", "bypass", True, weird(random)]
    )


def _subgraph(data: dict, random: Random) -> None:
    node = _node(data, random)
    node["op"] = "subgraph"
    node["attrs"] = {"definition": random.choice([*data["subgraphs"], "none"])}
    if random.random() < 0.5:
        node["attrs"]["flow"] = random.choice(["cond", "while_loop", "scan", "", 3])
    if random.random() < 0.2:
        node["attrs"][random.choice(["constants", "maximum_iterations", "invariants"])] = weird(
            random
        )


def _border(data: dict, random: Random) -> None:
    graph = random.choice(list(data["subgraphs"].values()))
    node = random.choice([n for n in graph["nodes"] if n["op"] in BORDER])
    node["attrs"]["ports"] = random.choice(
        [
            weird(random),
            ["x", "x"],
            random.choices(PORTS, k=3),
            [{"name": "x"}],
            ["pred", "y", "y_else"],
        ]
    )


def _training(data: dict, random: Random) -> None:
    names = [
        "optimizer", "loss", "metrics", "monitor", "epochs", "batch_size", "seed", "shuffle",
        "use_averages", "patience", "sweep",
    ]  # fmt: skip
    node = _node(data, random)["id"]
    value = [weird(random), node, f"n6/{node}", [{"node": node}], [{"node": f"{node}/x"}], 1]
    value.append({"vary": {node: {"x": random.choice(["[1]", "0..", 3])}}})
    data["training"][random.choice(names)] = random.choice(value)


def _repeat(data: dict, random: Random) -> None:
    graph = _graph(data, random)
    items = graph[random.choice(["nodes", "wires", "frames"])]
    item = copy.deepcopy(random.choice(items))
    if isinstance(item, dict) and random.random() < 0.8:
        item["id"], item["name"] = f"n{random.randint(1, 10**6)}", f"m{random.randint(1, 10**6)}"
    items.append(item)


def _rename(data: dict, random: Random) -> None:
    names = [n["name"] for graph in _graphs(data) for n in graph["nodes"]]
    new = [random.choice(names), f"{random.choice(names)}/W", "a/b/c", *TEXTS]
    _node(data, random)["name"] = random.choice(new)


def _weights(data: dict, random: Random) -> None:
    data["weights"] = random.choice(
        [weird(random), "..", "a\nb", "COM1", "x" * 5000, "/etc/passwd"]
    )


MUTATIONS = [
    _replace, _replace, _remove, _swap, _wire, _wire, _rewire, _op, _op, _attr, _attr, _attr,
    _source, _field, _subgraph, _border, _training, _repeat, _rename, _weights,
]  # fmt: skip

"""The models that people build, with drawn numbers as a column of their data.

No two libraries draw the same numbers. Here the noise of an example is a placeholder, and its rows
lie beside the pictures, so that every library gets the same noise in every step.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.data.catalog import open_dataset
from nodeflow.resources import example

MODELS = ("gan", "vae", "tiny_gpt")
STEPS = 20
NOISE = {"gan": 32, "vae": 2}
"""Example -> the drawn numbers of a row."""
BATCH = 100


def write(name: str, folder: Path) -> Path:
    """Write an example that takes its noise from its data; what draws nothing is only copied."""
    data = json.loads(example(name).read_text(encoding="utf-8"))
    if name in NOISE:
        _feed(data, NOISE[name], folder)
    path = folder / f"{name}.flow"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def _feed(data: dict[str, Any], width: int, folder: Path) -> None:
    by_op = {node["op"]: node for node in data["nodes"]}
    rows = np.random.default_rng(7)
    digits = open_dataset("mnist")
    arrays = {}
    for split, count in (("train", BATCH * (STEPS + 2)), ("test", BATCH)):
        pictures = digits.split(split)["images"].rows(np.arange(count))
        arrays[f"images_{split}"] = pictures.astype("float32")
        arrays[f"noise_{split}"] = rows.normal(size=(count, width)).astype("float32")
    np.savez(folder / "pictures.npz", **arrays)
    by_op["dataset"]["attrs"]["source"] = "npz:pictures.npz"
    noise = by_op["random_normal"]
    noise.update(op="placeholder", attrs={"dtype": "float32", "shape": [None, width]})
    gone = {noise["id"]}  # its shape is not computed any more
    if "shape" in by_op:
        gone.add(by_op["shape"]["id"])
        data["nodes"].remove(by_op["shape"])
    data["wires"] = [wire for wire in data["wires"] if wire[2] not in gone]
    data["wires"].append([by_op["dataset"]["id"], "noise", noise["id"], "feed"])


def losses(path: Path, **options: Any) -> np.ndarray:
    """The losses of the first steps of `nf.train.train`."""
    stops = nf.train.Callback(step=lambda event: event.last >= STEPS)
    graph = nf.load(path)
    return nf.train.fit(graph, callbacks=[stops], metrics=[], keep_run=False, **options).steps

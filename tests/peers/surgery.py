"""Changes real models, and checks the results with ONNX's checker and onnxruntime.

Usage: ``python surgery.py MODEL.onnx...``. Prints a row for each model and verb: what the command
says, and what this script finds itself. It compares the outputs of both files in onnxruntime, and
the bytes of everything that the verb does not touch.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from nodeflow.errors import NodeflowError
from nodeflow.exchange.model_edits import edit_model

DTYPES = {1: "f4", 7: "i8", 6: "i4", 10: "f2", 9: "?", 2: "u1", 3: "i1", 11: "f8"}

SILERO = {
    "input": np.random.default_rng(2).normal(size=(1, 576)).astype("f4"),
    "state": np.zeros((2, 1, 128), "f4"),
    "sr": np.asarray(16000, "i8"),
}
"""Inputs of silero-vad, whose sizes the file does not have."""


def feeds_of(model: onnx.ModelProto, batch: int = 1) -> dict[str, np.ndarray]:
    """Return random inputs of plausible sizes."""
    rng = np.random.default_rng(1)
    held = {t.name for t in model.graph.initializer}
    made = {}
    for value in model.graph.input:
        if value.name in held:
            continue
        kind = value.type.tensor_type
        side = 64 if len(kind.shape.dim) == 4 else 512
        sizes = [
            d.dim_value
            if d.dim_value > 0
            else (batch if i == 0 or d.dim_param == "batch" else side)
            for i, d in enumerate(kind.shape.dim)
        ]
        numbers = rng.integers(0, 2, sizes) if kind.elem_type not in (1, 10) else rng.random(sizes)
        made[value.name] = np.asarray(numbers).astype(DTYPES[kind.elem_type])
        if value.name in SILERO and "state" in {v.name for v in model.graph.input}:
            made[value.name] = SILERO[value.name]
    return made


def outputs(path: Path, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


def gap(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> float:
    """Return the largest difference of common outputs, relative to the largest number."""
    gaps = [
        float(
            np.abs(found[n].astype("f8") - a).max(initial=0) / max(np.abs(a).max(initial=0), 1e-9)
        )
        for n, a in wanted.items()
        if n in found
    ]
    return max(gaps, default=float("nan"))


def same_bytes(old: onnx.ModelProto, new: onnx.ModelProto) -> str:
    """Return how many nodes and weights have the same bytes in both, and whether all else has."""
    texts = []
    for field in ("node", "initializer"):
        before = {each.SerializeToString() for each in getattr(old.graph, field)}
        kept = sum(each.SerializeToString() in before for each in getattr(new.graph, field))
        texts.append(f"{kept}/{len(getattr(new.graph, field))}")
    for model in (old, new):
        model.ClearField("graph")
    texts.append("model equal" if old.SerializeToString() == new.SerializeToString() else "MODEL")
    return " ".join(texts)


def verbs_for(model: onnx.ModelProto) -> dict[str, dict]:
    """Return options by verb: the nodes and tensors that they name are in the model."""
    graph = model.graph
    held = {t.name for t in graph.initializer}
    first = next(value.name for value in graph.input if value.name not in held)
    floats = {v.name for v in onnx.shape_inference.infer_shapes(model).graph.value_info}
    inner = [o for n in graph.node for o in n.output if o in floats and n.op_type != "Constant"]
    middle = inner[len(inner) // 2] if inner else graph.output[0].name
    act = next((n for n in graph.node if n.op_type in ("Relu", "Sigmoid")), None)
    made: dict[str, dict] = {
        "rename": {"name": {first: "renamed_input"}},
        "fold-constants": {},
        "fold-batchnorm": {},
        "float16": {},
        "argmax": {"result": graph.output[0].name},
    }
    if inner:
        made["add-output"] = {"tensor": [middle]}
        made["cut"] = {"end": [middle]}
    if act is not None:
        made["bypass"] = {"node": act.output[0]}
        made["replace"] = {"node": act.output[0], "op": "HardSigmoid"}
    kind = next(v for v in graph.input if v.name == first).type.tensor_type
    if kind.elem_type == 1:
        made["normalize"] = {"input": first, "mean": 0.5, "std": 2.0}
    if kind.shape.dim:
        made["batch"] = {"size": 2}
    return made


def main(paths: list[str]) -> int:
    failed = 0
    for path in map(Path, paths):
        old = onnx.load(path)
        feeds = feeds_of(old)
        try:
            before = outputs(path, feeds)
        except Exception as error:
            print(f"{path.stem} | NOT RUN {' '.join(str(error).split())[:200]}", flush=True)
            failed += 1
            continue
        with tempfile.TemporaryDirectory() as folder:
            samples = Path(folder) / "samples"
            samples.mkdir()
            np.savez(samples / "one.npz", **feeds)  # type: ignore[arg-type]
            for verb, options in verbs_for(old).items():
                target = Path(folder) / f"{verb}.onnx"
                try:
                    edited = edit_model(path, target, verb, samples=samples, **options)
                except NodeflowError as error:
                    print(f"{path.stem} | {verb} | REFUSED {error}", flush=True)
                    failed += 1
                    continue
                new = onnx.load(target)
                onnx.checker.check_model(new)
                given = feeds
                if verb == "batch":
                    given = {
                        n: np.resize(
                            a,
                            [
                                d.dim_value or s
                                for d, s in zip(v.type.tensor_type.shape.dim, a.shape, strict=True)
                            ],
                        )
                        for v in new.graph.input
                        if (n := v.name) in feeds and (a := feeds[n]) is not None
                    }
                if verb == "rename":
                    given = {options["name"].get(n, n): a for n, a in feeds.items()}
                if verb == "normalize":
                    given = feeds | {
                        options["input"]: feeds[options["input"]] * 2 + np.float32(0.5)
                    }
                found = outputs(
                    target,
                    {n: a for n, a in given.items() if n in {v.name for v in new.graph.input}},
                )
                size = (
                    float("nan") if verb in ("batch", "bypass", "replace") else gap(found, before)
                )
                print(
                    f"{path.stem} | {verb} | {edited.done[0][:60]} | {edited.verdict[:75]} | "
                    f"{size:.1e} | {same_bytes(onnx.load(path), new)}",
                    flush=True,
                )
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What provokes the errors of ONNX, and of comparisons with it."""

from __future__ import annotations

from tests.errors.provocations import PLACEHOLDER, Provocation, constant, graph

IDENTITY = bytes.fromhex(
    "080812003a3c0a150a01781201791a036f6e6522084964656e746974791201675a0f0a0178120a0a"
    "08080112040a020801620f0a0179120a0a08080112040a02080142040a001012"
)
"""A model of one node."""

TABLE: dict[str, Provocation] = {
    "OnnxFileError": Provocation(("import", "a.onnx"), {"a.onnx": b"no model"}),
    "CannotEdit": Provocation(
        ("model", "bypass", "a.onnx", "--node", "none", "-o", "b.onnx"), {"a.onnx": IDENTITY}
    ),
    "NotVerified": Provocation(
        ("verify", "a.flow"),
        {"a.flow": graph(constant(2.0), ("lgamma", {}), wires=(("n1", "out", "n2", "x"),))},
    ),
    "NotInOnnx": Provocation(
        ("export", "a.flow", "--to", "onnx"),
        {"a.flow": graph(PLACEHOLDER, ("lgamma", {}), wires=(("n1", "out", "n2", "x"),))},
    ),
}

"""What provokes the errors of ONNX, and of comparisons with it."""

from __future__ import annotations

from tests.errors.provocations import PLACEHOLDER, Provocation, constant, graph

TABLE: dict[str, Provocation] = {
    "OnnxFileError": Provocation(("import", "a.onnx"), {"a.onnx": b"no model"}),
    "NotVerified": Provocation(
        ("verify", "a.flow"),
        {"a.flow": graph(constant(2.0), ("lgamma", {}), wires=(("n1", "out", "n2", "x"),))},
    ),
    "NotInOnnx": Provocation(
        ("export", "a.flow", "--to", "onnx"),
        {"a.flow": graph(PLACEHOLDER, ("lgamma", {}), wires=(("n1", "out", "n2", "x"),))},
    ),
}

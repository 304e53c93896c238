"""The numpy program of a graph: it predicts and measures, but does not train."""

from __future__ import annotations

import numpy as np

from nodeflow.integrations.code.body_lines import Writer, helpers_in
from nodeflow.integrations.code.function_lines import Functions
from nodeflow.integrations.code.module_head import head, joined
from nodeflow.integrations.code.numpy_and_jax.numpy_ops import NUMPY
from nodeflow.integrations.code.program import Program

PHASES = {
    "training": "bool = False",
    "rng": "np.random.Generator | int | None = None",
}
INITIAL = '''\
def initial() -> dict[str, np.ndarray]:
    """The variables as they were when this was exported."""
    return {name: np.array(value) for name, value in load_file(WEIGHTS).items()}'''


def weights(program: Program) -> dict[str, np.ndarray]:
    """Return the variables by their names in the code."""
    return {name: program.initial[node] for name, node in program.variables.items()}


def text(program: Program) -> str:
    """Return the text of the module."""
    writer = Writer(program, NUMPY, lambda name, _: f'params["{name}"]')
    begin = {"rng": "rng = np.random.default_rng(rng)"}
    functions = Functions(writer, "np.ndarray", ("params",), PHASES, begin)
    parts = [functions.predict()]
    if program.measured:
        parts.append(functions.measure())
    code = "\n\n\n".join(parts)
    helpers = helpers_in(code, NUMPY.helpers)
    initial = INITIAL if program.variables else ""
    imports = ["import numpy as np"]
    imports += ["from safetensors.numpy import load_file"] if program.variables else []
    everything = "\n".join((initial, helpers, code))
    return joined(head(program, "numpy functions", imports, everything), initial, helpers, code)

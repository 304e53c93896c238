"""The program of a graph in JAX: functions of parameters, and its training loop."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nodeflow.graph.graph import Node
from nodeflow.integrations.code.body_lines import INDENT, WIDTH, Writer, function, helpers_in, needs
from nodeflow.integrations.code.function_lines import Functions
from nodeflow.integrations.code.line_breaking import broken
from nodeflow.integrations.code.module_head import head, joined
from nodeflow.integrations.code.numpy_and_jax.jax_updates import slots, update
from nodeflow.integrations.code.numpy_and_jax.numpy_ops import JAX
from nodeflow.integrations.code.optimizers import (
    Optimizer,
    optimizer_of,
    optimizers_of,
    schedule_text,
    turns_text,
)
from nodeflow.integrations.code.program import Program

PHASES = {"training": "bool = False", "key": "Array | None = None"}


def weights(program: Program) -> dict[str, np.ndarray]:
    """Return the variables by their names in the code."""
    return {name: program.initial[node] for name, node in program.variables.items()}


def text(program: Program) -> str:
    """Return the source text of a JAX module with the model and its training loop.

    Raises:
        NotInCode: JAX programs have no counterpart of the optimizer.
    """
    return _Module(program).text()


def is_trained(node: Node) -> bool:
    """Return whether an optimizer may change a variable."""
    return bool(node.attrs["trainable"]) and node.outputs[0].type.is_float


def _variable(name: str, node: Node) -> str:
    return f'{"params" if is_trained(node) else "state"}["{name}"]'


@dataclass(frozen=True)
class _Module:
    """The writer of the JAX module of a program."""

    program: Program

    @property
    def state(self) -> list[str]:
        """The names of the variables that no optimizer changes."""
        return [name for name, node in self.program.variables.items() if not is_trained(node)]

    @property
    def moves(self) -> bool:
        """Whether predicting in training changes the state."""
        return any(node.op.id in JAX.moving for node in self.program.predicting)

    def text(self) -> str:
        program = self.program
        training = program.training
        begin = {"state": "state = dict(state)"} if self.moves else {}
        functions = Functions(
            Writer(program, JAX, _variable), "Array", ("params", "state"), PHASES, begin,
            "state" if self.moves else None,
        )  # fmt: skip
        predict = functions.predict()
        measure = functions.measure() if program.measured else ""
        parts = [predict, measure]
        if training is not None and training.schedule:
            optimizers = optimizers_of(training)
            parts += [self._loss(predict, measure)]
            parts += [update(optimizer, f"_by_{optimizer.ident}") for optimizer in optimizers]
            parts += [turns_text(training), self._train_in_turns(optimizers, predict, measure)]
        elif training is not None:
            optimizer = optimizer_of(training)
            parts += [self._loss(predict, measure), update(optimizer)]
            parts += [schedule_text(optimizer), self._train(optimizer, predict, measure)]
        code = "\n\n\n".join(part for part in parts if part)
        helpers = helpers_in(code, JAX.helpers)
        initial = self._initial() if program.variables else ""
        trains = training is not None
        main = 'if __name__ == "__main__":\n    train()' if trains else ""
        everything = "\n".join((initial, helpers, code))
        return joined(self._head(everything, trains), initial, helpers, code, main)

    def _head(self, code: str, trains: bool) -> str:
        imports = ["import jax"] if needs(code, "jax") or "64" in code else []
        imports += ["import jax.numpy as jnp"] if needs(code, "jnp") else []
        imports += ["import numpy as np"] if needs(code, "np") else []
        imports += ["from jax import Array"]
        imports += ["from safetensors.numpy import load_file"] if self.program.variables else []
        is_wide = any(tensor.dtype == "float64" for tensor in self.program.code)
        wide = ['jax.config.update("jax_enable_x64", True)']
        what = "JAX functions" + (", with their training loop" if trains else "")
        return head(self.program, what, imports, code, wide if is_wide else ())

    def _initial(self) -> str:
        made = "{name: jnp.asarray(value) for name, value in load_file(WEIGHTS).items()}"
        if not self.state:
            return f'''\
def initial() -> dict[str, Array]:
    """The parameters as they were when this was exported."""
    return {made}'''
        listed = ", ".join(f'"{name}"' for name in self.state)
        names = "\n    ".join(broken("names", f"[{listed}]", WIDTH - len(INDENT)))
        return f'''\
def initial() -> tuple[dict[str, Array], dict[str, Array]]:
    """The parameters and the state as they were when this was exported.

    The state holds the variables that no optimizer changes.
    """
    params = {made}
    {names}
    return params, {{name: params.pop(name) for name in names}}'''

    def _loss(self, predict: str, measure: str) -> str:
        """Write the function whose gradient a training step takes."""
        variables = ["params"] + ["state"] * bool(self.state)
        given = [*(f"{name}: dict[str, Array]" for name in (*variables, "batch"))]
        key = needs(predict + measure, "key")
        given += [f"{name}: Array" for name in key]
        loss = '["loss"]'
        if self.program.training is not None and self.program.training.schedule:
            given, loss = ["turn: str", *given], '[f"loss/{turn}"]'
        call = self._call("predict", predict, "")
        measured = self._call("measure", measure, "out")
        kind, doc = "Array", "The loss of a batch."
        lines = [f"    out = {call}", f"    return {measured}{loss}"]
        if self.moves:
            kind, doc = "tuple[Array, dict[str, Array]]", "The loss of a batch, and the new state."
            lines = [f"    out, state = {call}", f"    return {measured}{loss}, state"]
        head = "\n".join(function("loss_of", given, kind))
        return "\n".join([head, f'    """{doc}"""', *lines])

    def _call(self, name: str, written: str, out: str) -> str:
        """Return the code of a call, in the training loop, of the generated function ``name``. Its
        arguments include the rows of a batch.
        """
        signature = written[: written.index("->")]
        given = needs(signature, "params", "state") + [out] * bool(out)
        placeholders = [
            self.program.placeholder(n) for n in (*self.program.inputs, *self.program.labels)
        ]
        given += [f'batch["{n}"]' for n in placeholders if re.search(rf"\b{n}: ", signature)]
        given += ["training=True"] if needs(signature, "training") else []
        given += ["key=key"] if needs(signature, "key") else []
        return f"{name}({', '.join(given)})"

    def _train_in_turns(self, optimizers: Sequence[Optimizer], predict: str, measure: str) -> str:
        variables = ["params"] + ["state"] * bool(self.state)
        both, key = ", ".join(variables), needs(predict + measure, "key")
        kinds = ", ".join(["dict[str, Array]"] * len(variables))
        given = ", ".join(["turn", *variables, "batch", *key])
        found = "(loss, state), gradients" if self.moves else "loss, gradients"
        aux = ", has_aux=True" if self.moves else ""
        names = {node: name for name, node in self.program.variables.items()}
        trained: list[str] = []
        for one in optimizers:
            listed = ", ".join(f'"{names[node]}"' for node in one.trained if node in names)
            trained += broken(f'trained["{one.name}"]', f"[{listed}]", WIDTH - len(INDENT))
        rates = ", ".join(f'"{one.name}": {one.rate}' for one in optimizers)
        steps = ", ".join(f'"{one.name}": updated_by_{one.ident}' for one in optimizers)
        lines = [
            *function("train", ["steps: int | None = None"], f"tuple[{kinds}, list[float]]"),
            '    """Train on the batches of `BATCHES`.',
            "",
            f"    Returns {' and '.join(variables)}, and the loss of each step.",
            '    """',
            f"    {both} = initial()",
            "    trained = {}",
            *(INDENT + line for line in trained),
            *(INDENT + line for line in broken("rates", f"{{{rates}}}", WIDTH - len(INDENT))),
            *(INDENT + line for line in broken("updates", f"{{{steps}}}", WIDTH - len(INDENT))),
            "    parts = {turn: {n: params[n] for n in ones} for turn, ones in trained.items()}",
            "    slots = {}",
            "    zeros = {turn: jax.tree.map(jnp.zeros_like, p) for turn, p in parts.items()}",
            *(f'    slots["{one.name}"] = {slots(one, f"""zeros["{one.name}"]""")}'
              for one in optimizers),
            "    made = dict.fromkeys(trained, 0)",
            "    with np.load(DATA) as file:",
            '        train = [name for name in file if name.startswith("train/")]',
            '        data = {name.removeprefix("train/"): file[name] for name in train}',
            '    order = np.load(BATCHES)["rows"][:steps]',
            f"    differentiated = jax.value_and_grad(loss_of, argnums=1{aux})",
            '    value_and_grad = jax.jit(differentiated, static_argnames="turn")',
            "    losses = []",
            "    whose = turns(len(order))",
            "    for step, (chosen, turn) in enumerate(zip(order, whose, strict=True)):",
            "        batch = {name: jnp.asarray(values[chosen]) for name, values in data.items()}",
            *(["        key = jax.random.key(step)"] if key else []),
            f"        {found} = value_and_grad({given})",
            "        part = {name: params[name] for name in trained[turn]}",
            "        slopes = {name: gradients[name] for name in part}",
            "        part, slots[turn] = updates[turn](",
            "            part, slopes, slots[turn], rates[turn], made[turn]",
            "        )",
            "        params = {**params, **part}",
            "        made[turn] += 1",
            "        losses.append(float(loss))",
            "        if step % 100 == 0:",
            '            print(f"step {step + 1}: loss/{turn} {losses[-1]:.4f}")',
            f"    return {both}, losses",
        ]  # fmt: skip
        return "\n".join(lines)

    def _train(self, optimizer: Optimizer, predict: str, measure: str) -> str:
        variables = ["params"] + ["state"] * bool(self.state)
        both = ", ".join(variables)
        key = needs(predict + measure, "key")
        kinds = ", ".join(["dict[str, Array]"] * len(variables))
        rate = "learning_rate(step)" if optimizer.schedule is not None else str(optimizer.rate)
        given = ", ".join([*variables, "batch", *key])
        found = "(loss, state), gradients" if self.moves else "loss, gradients"
        aux = ", has_aux=True" if self.moves else ""
        lines = [
            *function("train", ["steps: int | None = None"], f"tuple[{kinds}, list[float]]"),
            '    """Train on the batches of `BATCHES`.',
            "",
            f"    Returns {' and '.join(variables)}, and the loss of each step.",
            '    """',
            f"    {both} = initial()",
            f"    slots = {slots(optimizer)}",
            "    with np.load(DATA) as file:",
            '        train = [name for name in file if name.startswith("train/")]',
            '        data = {name.removeprefix("train/"): file[name] for name in train}',
            '    order = np.load(BATCHES)["rows"][:steps]',
            f"    value_and_grad = jax.jit(jax.value_and_grad(loss_of{aux}))",
            "    losses = []",
            "    for step, chosen in enumerate(order):",
            "        batch = {name: jnp.asarray(values[chosen]) for name, values in data.items()}",
            *(["        key = jax.random.key(step)"] if key else []),
            f"        {found} = value_and_grad({given})",
            f"        params, slots = updated(params, gradients, slots, {rate}, step)",
            "        losses.append(float(loss))",
            "        if step % 100 == 0:",
            '            print(f"step {step + 1}: loss {losses[-1]:.4f}")',
            f"    return {both}, losses",
        ]
        return "\n".join(lines)

"""The programs of a graph in JAX and numpy: functions of parameters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nodeflow.exchange.code.dialect import Dialect
from nodeflow.exchange.code.jax_numpy import JAX, NUMPY
from nodeflow.exchange.code.lines import body, described, helpers_in
from nodeflow.exchange.code.optimizer import SCHEDULES, Optimizer, optimizer_of
from nodeflow.exchange.code.program import Program

VARIABLE = 'params["{}"]'


def weights(program: Program) -> dict[str, np.ndarray]:
    """The variables by their names in the code."""
    return {name: program.initial[node] for name, node in program.variables.items()}


def jax_text(program: Program) -> str:
    """The program in JAX, with its training loop.

    Raises:
        NotInCode: the optimizer has no counterpart.
    """
    optimizer = None if program.training is None else optimizer_of(program.training)
    drawn = any(node.op.id == "dropout" for node in (*program.predicting, *program.measuring))
    parts = [_predict(program, JAX, "Array", drawn)]
    if program.measured:
        parts.append(_measure(program, JAX, "Array"))
    if optimizer is not None:
        parts.append(_training(program, optimizer, drawn))
    return _module(program, JAX, parts, optimizer is not None)


def numpy_text(program: Program) -> str:
    """The program in numpy: what it predicts, and what that is worth; it does not train."""
    parts = [_predict(program, NUMPY, "np.ndarray", False)]
    if program.measured:
        parts.append(_measure(program, NUMPY, "np.ndarray"))
    return _module(program, NUMPY, parts, False)


def _module(program: Program, dialect: Dialect, parts: list[str], trains: bool) -> str:
    code = "\n\n\n".join(part.rstrip() for part in parts)
    helpers = helpers_in(code, dialect.helpers)
    while (more := helpers_in(code + helpers, dialect.helpers)) != helpers:
        helpers = more
    everything = helpers + code
    what = "functions" + (", with their training loop" if trains else "")
    head = [
        f'"""{program.name}, as {dialect.title} {what}."""',
        "",
        "from __future__ import annotations",
        "",
    ]
    if "math." in everything:
        head.append("import math")
    if program.variables or trains:
        head.append("from pathlib import Path")
    head += [""] if head[-1] else []
    if dialect is JAX:
        head += ["import jax"] if "jax." in everything or trains else []
        head.append("import jax.numpy as jnp")
    if dialect is NUMPY or trains:
        head.append("import numpy as np")
    if dialect is JAX:
        head.append("from jax import Array")
    if program.variables:
        head.append("from safetensors.numpy import load_file")
    head.append("")
    names = ["WEIGHTS"] * bool(program.variables) + ["DATA", "BATCHES"] * trains
    files = {"WEIGHTS": ".safetensors", "DATA": "_data.npz", "BATCHES": "_batches.npz"}
    head += [f'{n} = Path(__file__).with_name("{program.name}{files[n]}")' for n in names]
    blocks = ["\n".join(head).rstrip()]
    if program.variables:
        blocks.append(_initial(program, dialect))
    blocks += [part for part in (helpers.rstrip(), code) if part]
    if trains:
        blocks.append('if __name__ == "__main__":\n    train()')
    return "\n\n\n".join(blocks) + "\n"


def _initial(program: Program, dialect: Dialect) -> str:
    if dialect is JAX:
        return '''\
def initial() -> dict[str, Array]:
    """The variables as they were when this was exported."""
    return {name: jnp.asarray(value) for name, value in load_file(WEIGHTS).items()}'''
    return '''\
def initial() -> dict[str, np.ndarray]:
    """The variables as they were when this was exported."""
    return load_file(WEIGHTS)'''


def _predict(program: Program, dialect: Dialect, array: str, drawn: bool) -> str:
    given = [f"params: dict[str, {array}]"] if program.variables else []
    given += [f"{program.code[n]}: {array}" for n in program.inputs]
    if drawn:
        given.append(f"key: {array} | None = None")
    said = described(program.inputs)
    doc = ['    """What the graph answers.', "", *(f"    {line}" for line in said), '    """']
    if not said:
        doc = ['    """What the graph answers."""']
    pairs = (f'"{program.code[n]}": {program.code[n]}' for n in program.predictions)
    lines = [
        f"def predict({', '.join(given)}) -> dict[str, {array}]:",
        *doc,
        *(f"    {line}" for line in body(program, program.predicting, dialect, VARIABLE)),
        f"    return {{{', '.join(pairs)}}}",
    ]
    return "\n".join(lines)


def _measure(program: Program, dialect: Dialect, array: str) -> str:
    def lines() -> Iterator[str]:
        given = [f"params: dict[str, {array}]", f"out: dict[str, {array}]"]
        given += [f"{program.code[n]}: {array}" for n in program.labels]
        yield f"def measure({', '.join(given)}) -> dict[str, {array}]:"
        yield '    """The loss and the metrics, from what `predict` gave."""'
        read = {
            program.stands.get(t, t).node
            for t in (*(t for n in program.measuring for t in n.inputs), *program.measured.values())
        }
        for node in program.predictions:
            if node in read:
                yield f'    {program.code[node]} = out["{program.code[node]}"]'
        for line in body(program, program.measuring, dialect, VARIABLE):
            yield f"    {line}"
        pairs = (f'"{key}": {program.value(t)}' for key, t in program.measured.items())
        yield f"    return {{{', '.join(pairs)}}}"

    return "\n".join(lines())


def _training(program: Program, optimizer: Optimizer, drawn: bool) -> str:
    given = "".join(f', batch["{program.code[n]}"]' for n in program.inputs)
    labels = "".join(f', batch["{program.code[n]}"]' for n in program.labels)
    key = ", key" if drawn else ""
    kept = [
        name for name, node in program.variables.items()
        if not node.attrs["trainable"] or not node.outputs[0].dtype.startswith("float")
    ]  # fmt: skip
    split = f"    kept = {{name: params.pop(name) for name in {kept}}}\n" if kept else ""
    both = "{**params, **kept}" if kept else "params"
    more = ", kept: dict[str, Array]" if kept else ""
    pass_kept = ", kept" if kept else ""
    rate = "learning_rate(step)" if optimizer.schedule is not None else str(optimizer.rate)
    arguments = "params: dict[str, Array]" + more + ", batch: dict[str, Array]"
    lines = [
        f"def loss_of({arguments}{', key: Array' if drawn else ''}) -> Array:",
        '    """The loss of a batch."""',
        f"    params = {both}" if kept else "",
        f"    out = predict(params{given}{key})",
        f'    return measure(params, out{labels})["loss"]',
    ]
    text = "\n".join(line for line in lines if line)
    text += "\n\n\n" + _update(optimizer)
    text += f'''


def train(steps: int | None = None) -> list[float]:
    """Train on the batches of `BATCHES`, and give the loss of each step."""
    params = initial()
{split}    state = {_state(optimizer)}
    with np.load(DATA) as file:
        data = {{k.removeprefix("train/"): file[k] for k in file if k.startswith("train/")}}
    order = np.load(BATCHES)["rows"][:steps]
    value_and_grad = jax.jit(jax.value_and_grad(loss_of))
    losses = []
    for step, chosen in enumerate(order):
        batch = {{name: jnp.asarray(values[chosen]) for name, values in data.items()}}
'''
    if drawn:
        text += "        key = jax.random.key(step)\n"
    text += f"""\
        loss, gradients = value_and_grad(params{pass_kept}, batch{key})
        params, state = updated(params, gradients, state, {rate}, step)
        losses.append(float(loss))
        if step % 100 == 0:
            print(f"step {{step + 1}}: loss {{losses[-1]:.4f}}")
    return losses"""
    if optimizer.schedule is not None:
        op, attrs = optimizer.schedule
        text = SCHEDULES[op].format(**attrs) + "\n\n" + text
    return text


def _state(optimizer: Optimizer) -> str:
    zeros = "jax.tree.map(jnp.zeros_like, params)"
    return {"gradient_descent": "()", "momentum": zeros, "adam": f"({zeros}, {zeros})"}[
        optimizer.op
    ]


CLIP_NORM = """\
    norm = jnp.sqrt(sum(jnp.sum(jnp.square(g)) for g in gradients.values()))
    factor = jnp.minimum(1.0, {clip_norm} / norm)
    gradients = jax.tree.map(lambda g: g * factor, gradients)
"""
CLIP_VALUE = """\
    gradients = jax.tree.map(lambda g: jnp.clip(g, -{clip_value}, {clip_value}), gradients)
"""
HEAD = '''\
@jax.jit
def updated(
    params: dict[str, Array], gradients: dict[str, Array], state, rate: float, step: int
) -> tuple:
    """{doc}"""
'''
RULES = {
    "gradient_descent": """\
    new = jax.tree.map(lambda p, g: p - rate * g, params, gradients)
    return new, state
""",
    "momentum": """\
    state = jax.tree.map(lambda v, g: {momentum} * v + g, state, gradients)
    new = jax.tree.map(lambda p, v: p - rate * v, params, state)
    return new, state
""",
    "nesterov": """\
    state = jax.tree.map(lambda v, g: {momentum} * v + g, state, gradients)
    new = jax.tree.map(
        lambda p, v, g: p - rate * (g + {momentum} * v), params, state, gradients
    )
    return new, state
""",
    "adam": """\
    m, v = state
    m = jax.tree.map(lambda m, g: {beta1} * m + (1 - {beta1}) * g, m, gradients)
    v = jax.tree.map(lambda v, g: {beta2} * v + (1 - {beta2}) * g * g, v, gradients)
    size = rate * jnp.sqrt(1 - {beta2} ** (step + 1.0)) / (1 - {beta1} ** (step + 1.0))
    new = jax.tree.map(
        lambda p, m, v: p - size * m / (jnp.sqrt(v) + {epsilon}), params, m, v
    )
    return new, (m, v)
""",
}
DOCS = {
    "gradient_descent": "A step of gradient descent.",
    "momentum": "A step of gradient descent with momentum.",
    "adam": "A step of Adam, as TensorFlow makes it.",
}


def _update(optimizer: Optimizer) -> str:
    rule = "nesterov" if optimizer.numbers.get("nesterov") else optimizer.op
    text = HEAD.format(doc=DOCS[optimizer.op])
    if optimizer.clip_value is not None:
        text += CLIP_VALUE.format(clip_value=optimizer.clip_value)
    if optimizer.clip_norm is not None:
        text += CLIP_NORM.format(clip_norm=optimizer.clip_norm)
    return (text + RULES[rule].format(**optimizer.numbers)).rstrip()

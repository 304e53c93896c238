"""The program of a graph in TensorFlow 1: a function that builds it, and its training loop."""

from __future__ import annotations

from collections.abc import Iterator

from nodeflow.exchange.code.function_module import weights as weights
from nodeflow.exchange.code.lines import body, helpers_in
from nodeflow.exchange.code.optimizer import SCHEDULES, Optimizer, optimizer_of
from nodeflow.exchange.code.program import Program
from nodeflow.exchange.code.tensorflow1 import HELPERS, TENSORFLOW1
from nodeflow.graph.graph import Node


def text(program: Program) -> str:
    """The program as text.

    Raises:
        NotInCode: the optimizer has no counterpart.
    """
    optimizer = None if program.training is None else optimizer_of(program.training)
    drawn = any(node.op.id == "dropout" for node in (*program.predicting, *program.measuring))
    parts = ["\n".join(_build(program, drawn))]
    if optimizer is not None:
        parts.append(_training(program, optimizer, drawn))
    code = "\n\n\n".join(parts)
    helpers = helpers_in(code, HELPERS).rstrip()
    blocks = [_head(program, code, optimizer), helpers, code]
    if optimizer is not None:
        blocks.append('if __name__ == "__main__":\n    train()')
    return "\n\n\n".join(filter(None, blocks)) + "\n"


def _head(program: Program, code: str, optimizer: Optimizer | None) -> str:
    trains = optimizer is not None
    lines = [f'"""{program.name}, as a graph of TensorFlow 1."""', ""]
    lines += ["from __future__ import annotations", ""]
    lines += ["import math"] if "math." in code else []
    lines += ["from pathlib import Path"] if program.variables or trains else []
    lines += [""] if lines[-1] else []
    lines += ["import numpy as np"] if trains else []
    lines.append("import tensorflow.compat.v1 as tf")
    lines += ["from safetensors.numpy import load_file"] if program.variables else []
    lines += ["", "tf.disable_v2_behavior()", ""]
    names = ["WEIGHTS"] * bool(program.variables) + ["DATA", "BATCHES"] * trains
    files = {"WEIGHTS": ".safetensors", "DATA": "_data.npz", "BATCHES": "_batches.npz"}
    lines += [f'{n} = Path(__file__).with_name("{program.name}{files[n]}")' for n in names]
    return "\n".join(lines).rstrip()


def _build(program: Program, drawn: bool) -> Iterator[str]:
    yield "def build() -> dict[str, tf.Tensor]:"
    yield '    """Build the graph; returns its tensors by name."""'
    if program.variables:
        yield "    start = load_file(WEIGHTS)"
    for node in (*program.inputs, *program.labels):
        name, shape = program.code[node], list(node.outputs[0].shape)
        yield f'    {name} = tf.placeholder(tf.{node.outputs[0].dtype}, {shape}, name="{name}")'
    if drawn:
        yield '    training = tf.placeholder_with_default(False, [], name="training")'
    for name, node in program.variables.items():
        fixed = "" if node.attrs["trainable"] else ", trainable=False"
        yield f'    {name} = tf.Variable(start["{name}"], name="{name}"{fixed})'
    for line in body(program, (*program.predicting, *program.measuring), TENSORFLOW1):
        yield f"    {line}"
    pairs = [f'"{program.code[n]}": {program.code[n]}' for n in _named(program)]
    pairs += [f'"{key}": {program.value(t)}' for key, t in program.measured.items()]
    pairs += ['"training": training'] if drawn else []
    yield "    return {"
    for pair in dict.fromkeys(pairs):
        yield f"        {pair},"
    yield "    }"


LOOKUPS = ("gather", "embedding_lookup")
"""Ops whose gradients TensorFlow applies to the rows alone that they name."""


def _named(program: Program) -> tuple[Node, ...]:
    return (*program.inputs, *program.labels, *program.predictions)


def _training(program: Program, optimizer: Optimizer, drawn: bool) -> str:
    fed = ", ".join(
        f'tensors["{program.code[n]}"]: data["{program.code[n]}"][chosen]'
        for n in (*program.inputs, *program.labels)
    )
    fed += ', tensors["training"]: True' if drawn else ""
    rate = "rate" if optimizer.schedule is not None else str(optimizer.rate)
    lines = [
        "def train(steps: int | None = None) -> list[float]:",
        '    """Train on the batches of `BATCHES`, and give the loss of each step."""',
        "    tensors = build()",
        '    loss = tensors["loss"]',
    ]
    if optimizer.schedule is not None:
        lines.append("    rate = tf.placeholder(tf.float32, [])")
        fed += ", rate: learning_rate(step)"
    lines += [f"    optimizer = {_optimizer(optimizer, rate)}"]
    computed = (*program.predicting, *program.measuring)
    looks_up = any(node.op.id in LOOKUPS for node in computed)
    if looks_up or optimizer.clip_value is not None or optimizer.clip_norm is not None:
        lines += [f"    {line}" for line in _by_gradients(optimizer, looks_up)]
    else:
        lines.append("    update = optimizer.minimize(loss)")
    lines += [
        "    with np.load(DATA) as file:",
        '        names = [name for name in file if name.startswith("train/")]',
        '        data = {name.removeprefix("train/"): file[name] for name in names}',
        '    order = np.load(BATCHES)["rows"][:steps]',
        "    losses = []",
        "    with tf.Session() as session:",
        "        session.run(tf.global_variables_initializer())",
        "        for step, chosen in enumerate(order):",
        f"            fed = {{{fed}}}",
        "            value, _ = session.run([loss, update], fed)",
        "            losses.append(float(value))",
        "            if step % 100 == 0:",
        '                print(f"step {step + 1}: loss {value:.4f}")',
        "    return losses",
    ]
    text = "\n".join(lines)
    if optimizer.schedule is not None:
        op, attrs = optimizer.schedule
        text = SCHEDULES[op].format(**attrs) + "\n\n" + text
    return text


def _optimizer(optimizer: Optimizer, rate: str) -> str:
    numbers = optimizer.numbers
    if optimizer.op == "adam":
        more = ", ".join(f"{name}={numbers[name]}" for name in ("beta1", "beta2", "epsilon"))
        return f"tf.train.AdamOptimizer({rate}, {more})"
    if optimizer.op == "momentum":
        nesterov = ", use_nesterov=True" if numbers["nesterov"] else ""
        return f"tf.train.MomentumOptimizer({rate}, {numbers['momentum']}{nesterov})"
    return f"tf.train.GradientDescentOptimizer({rate})"


def _by_gradients(optimizer: Optimizer, looks_up: bool) -> Iterator[str]:
    yield "pairs = [(g, v) for g, v in optimizer.compute_gradients(loss) if g is not None]"
    if looks_up:
        yield "# All rows of a table move, also those that a step does not look up"
        yield "pairs = [(tf.convert_to_tensor(g), v) for g, v in pairs]"
    if optimizer.clip_value is not None:
        limit = optimizer.clip_value
        yield f"pairs = [(tf.clip_by_value(g, -{limit}, {limit}), v) for g, v in pairs]"
    if optimizer.clip_norm is not None:
        yield "gradients = [gradient for gradient, _ in pairs]"
        yield f"clipped, _ = tf.clip_by_global_norm(gradients, {optimizer.clip_norm})"
        yield "pairs = [(g, v) for g, (_, v) in zip(clipped, pairs, strict=True)]"
    yield "update = optimizer.apply_gradients(pairs)"

"""The program of a graph in TensorFlow 1: a function that builds it, and its training loop."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nodeflow.integrations.code.body_lines import (
    INDENT,
    WIDTH,
    Writer,
    dictionary,
    helpers_in,
    needs,
)
from nodeflow.integrations.code.line_breaking import broken
from nodeflow.integrations.code.module_head import head, joined
from nodeflow.integrations.code.optimizers import (
    Optimizer,
    optimizer_of,
    optimizers_of,
    schedule_text,
    turns_text,
)
from nodeflow.integrations.code.program import Program
from nodeflow.integrations.code.shared_ops.training_phases import NORMS
from nodeflow.integrations.code.tensorflow1.tensorflow1_ops import TENSORFLOW1

TRAINING = 'training = tf.placeholder_with_default(False, [], name="training")'

LOOKUPS = ("gather", "embedding_lookup")
"""Ops whose gradients TensorFlow applies only to the rows that the ops look up."""


def weights(program: Program) -> dict[str, np.ndarray]:
    """Return the variables by their names in the code."""
    return {name: program.initial[node] for name, node in program.variables.items()}


def text(program: Program) -> str:
    """Return the text of the program."""
    training = program.training
    build = _build(program)
    parts = [build]
    if training is not None and training.schedule:
        parts += [turns_text(training), _in_turns(program, bool(needs(build, "training")))]
    elif training is not None:
        optimizer = optimizer_of(training)
        trains = needs(build, "training")
        parts += [schedule_text(optimizer), _training(program, optimizer, bool(trains))]
    code = "\n\n\n".join(part for part in parts if part)
    helpers = helpers_in(code, TENSORFLOW1.helpers)
    return joined(
        _head(program, code, training is not None), helpers, code, MAIN if training else ""
    )


MAIN = """\
if __name__ == "__main__":
    tensors = build()
    with tf.Session() as session:
        train(session, tensors)"""


def _head(program: Program, code: str, trains: bool) -> str:
    imports = ["import numpy as np"] if needs(code, "np") else []
    imports.append("import tensorflow.compat.v1 as tf")
    imports += ["from safetensors.numpy import load_file"] if program.variables else []
    what = "a graph of TensorFlow 1" + (", with its training loop" if trains else "")
    return head(program, what, imports, code, ("tf.disable_v2_behavior()",))


def _build(program: Program) -> str:
    writer = Writer(program, TENSORFLOW1)
    fed = [(program.placeholder(n), n) for n in (*program.inputs, *program.labels)]
    results = {name: name for name, _ in fed}
    results |= {name: writer.value(t) for name, t in program.predictions.items()}
    results |= {key: writer.value(t) for key, t in program.measured.items()}
    nodes = dict.fromkeys((*program.predicting, *program.measuring))
    body = writer.body(nodes, results.values())
    trains = bool(needs("\n".join(body), "training"))
    lines = ['"""Build the graph; returns its tensors by name."""']
    lines += ["start = load_file(WEIGHTS)"] if program.variables else []
    for name, node in fed:
        type_ = node.outputs[0].type
        shape = list(type_.shape) if type_.has_rank else None
        made = f'tf.placeholder(tf.{node.outputs[0].dtype}, {shape}, name="{name}")'
        lines += broken(name, made, WIDTH - len(INDENT))
    lines += [TRAINING] if trains else []
    for name, node in program.variables.items():
        fixed = "" if node.attrs["trainable"] else ", trainable=False"
        made = f'tf.Variable(start["{name}"], name="{name}"{fixed})'
        lines += broken(name, made, WIDTH - len(INDENT))
    results |= {"training": "training"} if trains else {}
    lines += [*body, *dictionary(results.items(), 1)]
    head = "def build() -> dict[str, tf.Tensor]:"
    return "\n".join([head, *(f"    {line}" for line in lines)])


def _in_turns(program: Program, has_phase: bool) -> str:
    """Write the training loop of several optimizers."""
    assert program.training is not None
    names = [program.placeholder(n) for n in (*program.inputs, *program.labels)]
    fed = [f'tensors["{name}"]: data["{name}"][chosen]' for name in names]
    fed += ['tensors["training"]: True'] if has_phase else []
    known = {node: name for name, node in program.variables.items()}
    looks_up = any(n.op.id in LOOKUPS for n in (*program.predicting, *program.measuring))
    lines = [
        '"""Train on the batches of `BATCHES`, and give the loss of each step."""',
        "variables = {v.op.name: v for v in tf.global_variables()}",
        "updates = {}",
    ]
    made: list[str] = []
    for optimizer in optimizers_of(program.training):
        listed = ", ".join(f'variables["{known[v]}"]' for v in optimizer.trained if v in known)
        made += [
            f'loss = tensors["{optimizer.loss}"]',
            *broken("chosen", f"[{listed}]", WIDTH - 2 * len(INDENT)),
            f"optimizer = {_optimizer(optimizer, str(optimizer.rate))}",
            *_by_gradients(optimizer, looks_up, ", chosen"),
            f'updates["{optimizer.name}"] = update',
        ]
    if any(node.op.id in NORMS for node in program.predicting):
        lines += ["with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):"]
        made = [INDENT + line for line in made]
    lines += [
        *made,
        "with np.load(DATA) as file:",
        '    names = [name for name in file if name.startswith("train/")]',
        '    data = {name.removeprefix("train/"): file[name] for name in names}',
        'order = np.load(BATCHES)["rows"][:steps]',
        "losses = []",
        "session.run(tf.global_variables_initializer())",
        "for step, (chosen, name) in enumerate(zip(order, turns(len(order)), strict=True)):",
        *(INDENT + line for line in _feeds(fed)),
        '    value, _ = session.run([tensors[f"loss/{name}"], updates[name]], feeds)',
        "    losses.append(float(value))",
        "    if step % 100 == 0:",
        '        print(f"step {step + 1}: loss/{name} {value:.4f}")',
        "return losses",
    ]
    return "\n".join([*HEAD, *(f"    {line}" for line in lines)])


HEAD = [
    "def train(",
    "    session: tf.Session, tensors: dict[str, tf.Tensor], steps: int | None = None",
    ") -> list[float]:",
]


def _training(program: Program, optimizer: Optimizer, has_phase: bool) -> str:
    names = [program.placeholder(n) for n in (*program.inputs, *program.labels)]
    fed = [f'tensors["{name}"]: data["{name}"][chosen]' for name in names]
    fed += ['tensors["training"]: True'] if has_phase else []
    fed += ["rate: learning_rate(step)"] if optimizer.schedule is not None else []
    rate = "rate" if optimizer.schedule is not None else str(optimizer.rate)
    computed = (*program.predicting, *program.measuring)
    looks_up = any(node.op.id in LOOKUPS for node in computed)
    update = "update = optimizer.minimize(loss)"
    if looks_up or optimizer.clip_value is not None or optimizer.clip_norm is not None:
        update = "\n".join(_by_gradients(optimizer, looks_up))
    lines = [
        '"""Train on the batches of `BATCHES`, and give the loss of each step."""',
        'loss = tensors["loss"]',
        *(["rate = tf.placeholder(tf.float32, [])"] if rate == "rate" else []),
        f"optimizer = {_optimizer(optimizer, rate)}",
    ]
    if any(node.op.id in NORMS for node in program.predicting):
        lines += ["with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):"]
        lines += [INDENT + line for line in update.split("\n")]
    else:
        lines += update.split("\n")
    lines += [
        "with np.load(DATA) as file:",
        '    names = [name for name in file if name.startswith("train/")]',
        '    data = {name.removeprefix("train/"): file[name] for name in names}',
        'order = np.load(BATCHES)["rows"][:steps]',
        "losses = []",
        "session.run(tf.global_variables_initializer())",
        "for step, chosen in enumerate(order):",
        *(INDENT + line for line in _feeds(fed)),
        "    value, _ = session.run([loss, update], feeds)",
        "    losses.append(float(value))",
        "    if step % 100 == 0:",
        '        print(f"step {step + 1}: loss {value:.4f}")',
        "return losses",
    ]
    return "\n".join([*HEAD, *(f"    {line}" for line in lines)])


def _feeds(fed: list[str]) -> list[str]:
    line = f"feeds = {{{', '.join(fed)}}}"
    if len(line) <= WIDTH - 2 * len(INDENT):
        return [line]
    return ["feeds = {", *(f"{INDENT}{one}," for one in fed), "}"]


def _optimizer(optimizer: Optimizer, rate: str) -> str:
    numbers = optimizer.numbers
    if optimizer.op == "adam":
        more = ", ".join(f"{name}={numbers[name]}" for name in ("beta1", "beta2", "epsilon"))
        return f"tf.train.AdamOptimizer({rate}, {more})"
    if optimizer.op == "momentum":
        nesterov = ", use_nesterov=True" if numbers["nesterov"] else ""
        return f"tf.train.MomentumOptimizer({rate}, {numbers['momentum']}{nesterov})"
    return f"tf.train.GradientDescentOptimizer({rate})"


def _by_gradients(optimizer: Optimizer, looks_up: bool, chosen: str = "") -> Iterator[str]:
    yield f"slopes = optimizer.compute_gradients(loss{chosen})"
    yield "pairs = [(g, v) for g, v in slopes if g is not None]"
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

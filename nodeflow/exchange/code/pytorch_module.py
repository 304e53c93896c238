"""The program of a graph in PyTorch: a module, what it measures, and its training loop."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nodeflow.exchange.code.lines import body, class_name, described, helpers_in, indented
from nodeflow.exchange.code.optimizer import SCHEDULES, Optimizer, optimizer_of
from nodeflow.exchange.code.program import Program, own_variables
from nodeflow.exchange.code.pytorch import HELPERS, PYTORCH, dtype
from nodeflow.graph.graph import Node


def weights(program: Program) -> dict[str, np.ndarray]:
    """The state of the module: PyTorch stores matrices of layers the other way round."""
    found = {name: program.initial[node] for name, node in program.variables.items()}
    for name, layer in program.layers.items():
        kernel, *bias = own_variables(layer)
        axes = (1, 0) if layer.op.id == "layers/dense" else (3, 2, 0, 1)
        found[f"{name}.weight"] = np.ascontiguousarray(program.initial[kernel].transpose(axes))
        if bias:
            found[f"{name}.bias"] = program.initial[bias[0]]
    return found


def text(program: Program) -> str:
    """The module as text.

    Raises:
        NotInCode: the optimizer has no counterpart.
    """
    optimizer = None if program.training is None else optimizer_of(program.training)
    parts = [_class(program)]
    if optimizer is not None:
        parts += [_loading(program), _training(program, optimizer)]
    code = "\n\n\n".join(parts)
    helpers = helpers_in(code, HELPERS)
    blocks = [_head(program, code + helpers, optimizer), helpers.strip(), code]
    main = 'if __name__ == "__main__":\n    train()\n' if optimizer is not None else ""
    return (
        "\n\n\n".join(filter(None, [block.rstrip() for block in blocks]))
        + "\n"
        + (f"\n\n{main}" if main else "")
    )


def _head(program: Program, code: str, optimizer: Optimizer | None) -> str:
    lines = [f'"""{program.name}, as a PyTorch module, with its training loop."""', ""]
    standard = ["from __future__ import annotations", ""]
    if "math." in code:
        standard.append("import math")
    standard.append("from pathlib import Path")
    third = ["import numpy as np"] if "np." in code else []
    third.append("import torch")
    if "F." in code:
        third.append("import torch.nn.functional as F")
    third += ["from safetensors.torch import load_file", "from torch import Tensor, nn"]
    names = [f'WEIGHTS = Path(__file__).with_name("{program.name}.safetensors")']
    if optimizer is not None:
        names += [
            f'DATA = Path(__file__).with_name("{program.name}_data.npz")',
            f'BATCHES = Path(__file__).with_name("{program.name}_batches.npz")',
        ]
    return "\n".join([*lines, *standard, "", *third, "", *names])


def _class(program: Program) -> str:
    name = class_name(program.name)
    said = [*described(program.inputs), *described(program.labels)]
    doc = (
        [f'"""The graph {program.name}.', "", *said, '"""']
        if said
        else [f'"""The graph {program.name}."""']
    )
    lines = [f"class {name}(nn.Module):", indented(doc), "", indented(list(_init(program)))]
    inputs = "".join(f", {program.code[n]}: Tensor" for n in program.inputs)
    forward = [
        f"def forward(self{inputs}) -> dict[str, Tensor]:",
        *(f"    {line}" for line in body(program, program.predicting, PYTORCH, "self.{}")),
        f"    return {_dict(program, program.predictions)}",
    ]
    lines += ["", indented(forward)]
    if program.measuring or program.measured:
        lines += ["", indented(list(_measure(program)))]
    return "\n".join(lines)


def _dict(program: Program, nodes: tuple[Node, ...]) -> str:
    return "{" + ", ".join(f'"{program.code[n]}": {program.code[n]}' for n in nodes) + "}"


def _init(program: Program) -> Iterator[str]:
    yield "def __init__(self) -> None:"
    yield "    super().__init__()"
    for name, layer in program.layers.items():
        yield f"    self.{name} = {_layer(layer)}"
    for name, node in program.variables.items():
        type_ = node.outputs[0].type
        sizes = ", ".join(map(str, type_.shape or ("()",)))
        made = f"torch.empty({sizes}{dtype(type_.dtype)})"
        if node.attrs["trainable"] and type_.is_float:
            yield f"    self.{name} = nn.Parameter({made})"
        else:
            yield f'    self.register_buffer("{name}", {made})'
    yield "    self.load_state_dict(load_file(WEIGHTS))"


def _layer(node: Node) -> str:
    more = ("" if node.attrs["use_bias"] else ", bias=False") + dtype(node.outputs[0].dtype)
    size = node.inputs[0].shape[-1]
    if node.op.id == "layers/dense":
        return f"nn.Linear({size}, {node.attrs['units']}{more})"
    kernel, strides = tuple(node.attrs["kernel_size"]), tuple(node.attrs["strides"])
    padding = '"same"' if node.attrs["padding"] == "same" else "0"
    return f"nn.Conv2d({size}, {node.attrs['filters']}, {kernel}, {strides}, {padding}{more})"


def _measure(program: Program) -> Iterator[str]:
    labels = "".join(f", {program.code[n]}: Tensor" for n in program.labels)
    yield f"def measure(self, out: dict[str, Tensor]{labels}) -> dict[str, Tensor]:"
    yield '    """The loss and the metrics, from what `forward` gave."""'
    read = {
        program.stands.get(t, t).node
        for t in (*(t for n in program.measuring for t in n.inputs), *program.measured.values())
    }
    for node in program.predictions:
        if node in read:
            name = program.code[node]
            yield f'    {name} = out["{name}"]'
    for line in body(program, program.measuring, PYTORCH, "self.{}"):
        yield f"    {line}"
    values = (f'"{key}": {program.value(tensor)}' for key, tensor in program.measured.items())
    yield f"    return {{{', '.join(values)}}}"


def _loading(program: Program) -> str:
    names = [*(program.code[n] for n in (*program.inputs, *program.labels))]
    return f'''\
def rows(split: str) -> dict[str, Tensor]:
    """The rows of a split, by placeholder: {", ".join(names)}."""
    with np.load(DATA) as data:
        return {{
            key.removeprefix(f"{{split}}/"): torch.from_numpy(data[key])
            for key in data
            if key.startswith(f"{{split}}/")
        }}'''


def _training(program: Program, optimizer: Optimizer) -> str:
    name = class_name(program.name)
    given = ", ".join(f'batch["{program.code[n]}"]' for n in program.inputs)
    labels = "".join(f', batch["{program.code[n]}"]' for n in program.labels)
    schedule = optimizer.schedule
    lines = [
        "def train(steps: int | None = None) -> list[float]:",
        '    """Train on the batches of `BATCHES`, and give the loss of each step."""',
        f"    model = {name}().train()",
        f"    optimizer = {_optimizer(optimizer)}",
        '    data = rows("train")',
        '    order = np.load(BATCHES)["rows"][:steps]',
        "    losses = []",
        "    for step, chosen in enumerate(order):",
        "        batch = {key: values[torch.from_numpy(chosen)] for key, values in data.items()}",
    ]
    lines += [f"        {line}" for line in _changing(optimizer)]
    lines += [
        f'        loss = model.measure(model({given}){labels})["loss"]',
        "        optimizer.zero_grad()",
        "        loss.backward()",
        *(f"        {line}" for line in _clipping(optimizer)),
        "        optimizer.step()",
        "        losses.append(loss.item())",
        "        if step % 100 == 0:",
        '            print(f"step {step + 1}: loss {losses[-1]:.4f}")',
        "    return losses",
    ]
    text = "\n".join(lines)
    if schedule is not None:
        op, attrs = schedule
        text = SCHEDULES[op].format(**attrs) + "\n\n" + text
    return text


def _changing(optimizer: Optimizer) -> Iterator[str]:
    """What the optimizer's numbers are at a step."""
    if optimizer.schedule is not None:
        yield 'optimizer.param_groups[0]["lr"] = learning_rate(step)'
    if optimizer.op == "adam":
        beta2, epsilon = optimizer.numbers["beta2"], optimizer.numbers["epsilon"]
        yield "# TensorFlow adds epsilon before the bias is corrected, PyTorch afterwards"
        eps = f"{epsilon} / math.sqrt(1 - {beta2} ** (step + 1))"
        yield f'optimizer.param_groups[0]["eps"] = {eps}'


def _optimizer(optimizer: Optimizer) -> str:
    numbers = optimizer.numbers
    if optimizer.op == "adam":
        betas = f"({numbers['beta1']}, {numbers['beta2']})"
        eps = numbers["epsilon"]
        return f"torch.optim.Adam(model.parameters(), {optimizer.rate}, {betas}, {eps})"
    momentum = ""
    if optimizer.op == "momentum":
        nesterov = ", nesterov=True" if numbers["nesterov"] else ""
        momentum = f", momentum={numbers['momentum']}{nesterov}"
    return f"torch.optim.SGD(model.parameters(), {optimizer.rate}{momentum})"


def _clipping(optimizer: Optimizer) -> Iterator[str]:
    if optimizer.clip_value is not None:
        yield f"nn.utils.clip_grad_value_(model.parameters(), {optimizer.clip_value})"
    if optimizer.clip_norm is not None:
        yield f"nn.utils.clip_grad_norm_(model.parameters(), {optimizer.clip_norm})"

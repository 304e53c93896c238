"""The program of a graph in PyTorch: a module, the functions that measure it, and its training
loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from nodeflow.graph.graph import Node
from nodeflow.integrations.code.body_lines import (
    INDENT,
    WIDTH,
    Writer,
    class_name,
    described,
    dictionary,
    function,
    helpers_in,
    indented,
    needs,
)
from nodeflow.integrations.code.function_lines import measured_from
from nodeflow.integrations.code.layer_variables import layer_variables
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
from nodeflow.integrations.code.pytorch.pytorch_ops import PYTORCH
from nodeflow.integrations.code.shared_ops.random_draws import torch_dtype


def weights(program: Program) -> dict[str, np.ndarray]:
    """Return the state dict of the PyTorch module: arrays by parameter name.

    PyTorch stores the matrices of dense layers transposed.
    """
    found = {name: program.initial[node] for name, node in program.variables.items()}
    for name, layer in program.layers.items():
        kernel, *bias = layer_variables(layer).values()
        axes = (1, 0) if layer.op.id == "layers/dense" else (3, 2, 0, 1)
        found[f"{name}.weight"] = np.ascontiguousarray(program.initial[kernel].transpose(axes))
        if bias:
            found[f"{name}.bias"] = program.initial[bias[0]]
    return found


def text(program: Program) -> str:
    """Return the text of the module."""
    training = program.training
    measure = _measure(program) if program.measured else []
    parts = [_class(program, measure)]
    if training is not None and training.schedule:
        parts += [_rows(program), turns_text(training), _in_turns(program, measure)]
    elif training is not None:
        optimizer = optimizer_of(training)
        parts += [_rows(program), schedule_text(optimizer), _training(program, optimizer, measure)]
    code = "\n\n\n".join(part for part in parts if part)
    helpers = helpers_in(code, PYTORCH.helpers)
    name = class_name(program.name)
    main = f'if __name__ == "__main__":\n    train({name}())' if training is not None else ""
    return joined(_head(program, helpers + code, training is not None), helpers, code, main)


def _head(program: Program, code: str, trains: bool) -> str:
    imports = ["import numpy as np"] if needs(code, "np") else []
    imports.append("import torch")
    imports += ["import torch.nn.functional as F"] if needs(code, "F") else []
    imports += ["from safetensors.torch import load_file"] if needs(code, "load_file") else []
    imports.append("from torch import Tensor, nn")
    what = "a PyTorch module" + (", with its training loop" if trains else "")
    return head(program, what, imports, code)


def _writer(program: Program) -> Writer:
    return Writer(program, PYTORCH, lambda name, _: f"self.{name}")


def _class(program: Program, measure: list[str]) -> str:
    said = described((*program.inputs, *program.labels))
    doc = [f'"""The graph {program.name}.', "", *said, '"""']
    writer = _writer(program)
    results = [(name, writer.value(t)) for name, t in program.predictions.items()]
    inputs = [f"{program.placeholder(n)}: Tensor" for n in program.inputs]
    forward = [
        *function("forward", ["self", *inputs], "dict[str, Tensor]", 1),
        *(
            f"    {line}"
            for line in (
                *writer.body(program.predicting, [value for _, value in results], 2),
                *dictionary(results, 2),
            )
        ),
    ]
    init = list(_init(program))
    return "\n".join([
        f"class {class_name(program.name)}(nn.Module):",
        indented(doc if said else [f'"""The graph {program.name}."""']),
        *(["", indented(init)] if init else []),
        "",
        indented(forward),
        *(["", indented(measure)] if measure else []),
    ])  # fmt: skip


def _init(program: Program) -> Iterator[str]:
    if not program.layers and not program.variables:
        return
    yield "def __init__(self) -> None:"
    yield "    super().__init__()"
    for name, layer in program.layers.items():
        yield f"    self.{name} = {_layer(layer)}"
    for name, node in program.variables.items():
        type_ = node.outputs[0].type
        sizes = ", ".join(map(str, type_.shape or ("()",)))
        made = f"torch.empty({sizes}{torch_dtype(type_.dtype)})"
        if node.attrs["trainable"] and type_.is_float:
            yield f"    self.{name} = nn.Parameter({made})"
        else:
            yield f'    self.register_buffer("{name}", {made})'
    yield "    self.load_state_dict(load_file(WEIGHTS))"


def _layer(node: Node) -> str:
    more = ("" if node.attrs["use_bias"] else ", bias=False") + torch_dtype(node.outputs[0].dtype)
    size = node.inputs[0].shape[-1]
    frozen = "" if node.attrs["trainable"] else ".requires_grad_(False)"
    if node.op.id == "layers/dense":
        return f"nn.Linear({size}, {node.attrs['units']}{more}){frozen}"
    kernel, strides = tuple(node.attrs["kernel_size"]), tuple(node.attrs["strides"])
    padding = '"same"' if node.attrs["padding"] == "same" else "0"
    return (
        f"nn.Conv2d({size}, {node.attrs['filters']}, {kernel}, {strides}, {padding}{more}){frozen}"
    )


def _measure(program: Program) -> list[str]:
    writer = _writer(program)
    results = [(key, writer.value(t)) for key, t in program.measured.items()]
    body = writer.body(program.measuring, [value for _, value in results], 2)
    used = "\n".join([*body, *(value for _, value in results)])
    placeholders = measured_from(program, used)
    answers = [n for n in needs(used, *program.predictions) if n not in placeholders]
    given = ["self", "out: dict[str, Tensor]", *(f"{name}: Tensor" for name in placeholders)]
    lines = [
        '"""Return the loss and the metrics of predictions."""',
        *(f'{name} = out["{name}"]' for name in answers),
        *body,
        *dictionary(results, 2),
    ]
    head = function("measure", given, "dict[str, Tensor]", 1)
    return [*head, *(f"    {line}" for line in lines)]


def _rows(program: Program) -> str:
    names = ", ".join(program.placeholder(n) for n in (*program.inputs, *program.labels))
    return f'''\
def rows(split: str) -> dict[str, Tensor]:
    """The rows of a split, by placeholder: {names}."""
    with np.load(DATA) as data:
        return {{
            key.removeprefix(f"{{split}}/"): torch.from_numpy(data[key])
            for key in data
            if key.startswith(f"{{split}}/")
        }}'''


def _calls(program: Program, measure: list[str]) -> tuple[str, str]:
    """Return argument lists as source code: for a call of the model, and for the rest of a call of
    `measure` after the predictions.
    """
    given = ", ".join(f'batch["{program.placeholder(n)}"]' for n in program.inputs)
    signature = " ".join(measure[: next(n for n, line in enumerate(measure) if "->" in line) + 1])
    compared = "".join(f', batch["{name}"]' for name in measured_from(program, signature))
    return given, compared


def _in_turns(program: Program, measure: list[str]) -> str:
    """Write the training loop of several optimizers."""
    assert program.training is not None
    given, compared = _calls(program, measure)
    optimizers, names = optimizers_of(program.training), _parameter_names(program)
    trained, made = [], []
    for optimizer in optimizers:
        listed = ", ".join(f'"{names[node]}"' for node in optimizer.trained if node in names)
        written = broken(f'trained["{optimizer.name}"]', f"[{listed}]", WIDTH - len(INDENT))
        trained += [INDENT + line for line in written]
        chosen = f'parameters["{optimizer.name}"]'
        left = f'optimizers["{optimizer.name}"]'
        written = broken(left, _optimizer(optimizer, chosen), WIDTH - len(INDENT))
        made += [INDENT + line for line in written]
    changing = [
        line for one in optimizers for line in _in_its_turn(one, _epsilon(one, "made[name]"))
    ]
    clipping = [
        line for one in optimizers for line in _in_its_turn(one, _clipping(one, "parameters[name]"))
    ]
    lines = [
        f"def train(model: {class_name(program.name)}, steps: int | None = None) -> list[float]:",
        '    """Train on the batches of `BATCHES`, and give the loss of each step."""',
        "    model.train()",
        "    named = dict(model.named_parameters())",
        "    trained = {}",
        *trained,
        "    parameters = {name: [named[one] for one in ones] for name, ones in trained.items()}",
        "    optimizers: dict[str, torch.optim.Optimizer] = {}",
        *made,
        "    made = dict.fromkeys(optimizers, 0)",
        '    data = rows("train")',
        '    order = np.load(BATCHES)["rows"][:steps]',
        "    losses = []",
        "    for step, (chosen, name) in enumerate(zip(order, turns(len(order)), strict=True)):",
        "        batch = {key: values[torch.from_numpy(chosen)] for key, values in data.items()}",
        "        optimizer = optimizers[name]",
        *(f"        {line}" for line in changing),
        f"        out = model({given})",
        f'        loss = model.measure(out{compared})[f"loss/{{name}}"]',
        "        model.zero_grad()",
        "        loss.backward()",
        *(f"        {line}" for line in clipping),
        "        optimizer.step()",
        "        made[name] += 1",
        "        losses.append(loss.item())",
        "        if step % 100 == 0:",
        '            print(f"step {step + 1}: loss/{name} {losses[-1]:.4f}")',
        "    return losses",
    ]
    return "\n".join(lines)


def _in_its_turn(optimizer: Optimizer, lines: Iterable[str]) -> list[str]:
    """Return lines of code in an ``if`` statement, so that only the training steps of one optimizer
    run them.
    """
    found = [f"    {line}" for line in lines]
    return [f'if name == "{optimizer.name}":', *found] if found else []


def _parameter_names(program: Program) -> dict[Node, str]:
    """Return the name of each variable's parameter in the module."""
    found = {node: name for name, node in program.variables.items()}
    for name, layer in program.layers.items():
        kernel, *bias = layer_variables(layer).values()
        found.setdefault(kernel, f"{name}.weight")
        for node in bias:
            found.setdefault(node, f"{name}.bias")
    return found


def _training(program: Program, optimizer: Optimizer, measure: list[str]) -> str:
    given, compared = _calls(program, measure)
    lines = [
        f"def train(model: {class_name(program.name)}, steps: int | None = None) -> list[float]:",
        '    """Train on the batches of `BATCHES`, and give the loss of each step."""',
        "    model.train()",
        f"    optimizer = {_optimizer(optimizer)}",
        '    data = rows("train")',
        '    order = np.load(BATCHES)["rows"][:steps]',
        "    losses = []",
        "    for step, chosen in enumerate(order):",
        "        batch = {key: values[torch.from_numpy(chosen)] for key, values in data.items()}",
        *(f"        {line}" for line in _changing(optimizer)),
        f"        out = model({given})",
        f'        loss = model.measure(out{compared})["loss"]',
        "        optimizer.zero_grad()",
        "        loss.backward()",
        *(f"        {line}" for line in _clipping(optimizer)),
        "        optimizer.step()",
        "        losses.append(loss.item())",
        "        if step % 100 == 0:",
        '            print(f"step {step + 1}: loss {losses[-1]:.4f}")',
        "    return losses",
    ]
    return "\n".join(lines)


def _changing(optimizer: Optimizer) -> Iterator[str]:
    """Yield the lines of code that set the optimizer's learning rate and epsilon before a step, as
    far as they change.
    """
    if optimizer.schedule is not None:
        yield 'optimizer.param_groups[0]["lr"] = learning_rate(step)'
    yield from _epsilon(optimizer, "step")


def _epsilon(optimizer: Optimizer, steps: str) -> Iterator[str]:
    """Yield the lines of code that set Adam's epsilon for a step.

    Args:
        steps: the expression of the number of its steps before.
    """
    if optimizer.op == "adam":
        beta2, epsilon = optimizer.numbers["beta2"], optimizer.numbers["epsilon"]
        yield "# TensorFlow adds epsilon before the bias is corrected, PyTorch later"
        yield f"eps = {epsilon} / math.sqrt(1 - {beta2} ** ({steps} + 1))"
        yield 'optimizer.param_groups[0]["eps"] = eps'


def _optimizer(optimizer: Optimizer, parameters: str = "model.parameters()") -> str:
    numbers = optimizer.numbers
    if optimizer.op == "adam":
        betas = f"({numbers['beta1']}, {numbers['beta2']})"
        eps = numbers["epsilon"]
        return f"torch.optim.Adam({parameters}, {optimizer.rate}, {betas}, {eps})"
    momentum = ""
    if optimizer.op == "momentum":
        nesterov = ", nesterov=True" if numbers["nesterov"] else ""
        momentum = f", momentum={numbers['momentum']}{nesterov}"
    return f"torch.optim.SGD({parameters}, {optimizer.rate}{momentum})"


def _clipping(optimizer: Optimizer, parameters: str = "model.parameters()") -> Iterator[str]:
    if optimizer.clip_value is not None:
        yield f"nn.utils.clip_grad_value_({parameters}, {optimizer.clip_value})"
    if optimizer.clip_norm is not None:
        yield f"nn.utils.clip_grad_norm_({parameters}, {optimizer.clip_norm})"

"""The cases in eager PyTorch, as its documentation writes them."""

from __future__ import annotations

import layer_workloads
import model_workloads
import numpy as np
import op_workloads
import row_workloads
import torch
import torch_layers
import torch_models
import torch_ops
import torch_rows
import workloads
from workloads import Work


def prepare(case: str, threads: int | None, _: str) -> Work:
    if threads:
        torch.set_num_threads(threads)
    if case in workloads.TRAINING:
        return training(*workloads.training_case(case))
    if case.startswith("reduce_"):
        return reduction(case.removeprefix("reduce_"))
    if case in row_workloads.CASES:
        return torch_rows.prepare(case)
    if case in workloads.WORDS:
        return words(case)
    if case.startswith("copy_"):
        return copy(int(case.removeprefix("copy_")))
    if case in model_workloads.CASES:
        return torch_models.prepare(case)
    if case in op_workloads.CASES:
        return torch_ops.prepare(case)
    if case in layer_workloads.CASES:
        return torch_layers.prepare(case)
    return {"elem": elem, "chain": chain, "wide": wide, "rnn": rnn, "cnn": cnn}[case]()


def training(optimizer: str, batch: int) -> Work:
    data = workloads.digits()
    images, labels = data.floats()
    w1, b1, w2, b2 = weights = [torch.from_numpy(w.copy()).requires_grad_() for w in data.weights]
    adam, momentum = workloads.ADAM, workloads.MOMENTUM
    rule = {
        "sgd": lambda: torch.optim.SGD(weights, workloads.SGD["learning_rate"]),
        "momentum": lambda: torch.optim.SGD(
            weights, momentum["learning_rate"], momentum=momentum["momentum"]
        ),
        "adam": lambda: torch.optim.Adam(
            weights, adam["learning_rate"], (adam["beta1"], adam["beta2"]), adam["epsilon"]
        ),
    }[optimizer]()
    rows = workloads.order(batch)

    def step(x, y):
        p = torch.softmax(torch.relu(x @ w1 + b1) @ w2 + b2, 1).clamp(1e-10, 0.9999999)
        loss = -(y * p.log() + (1 - y) * (1 - p).log()).sum(1).mean()
        rule.zero_grad()
        loss.backward()
        rule.step()
        return loss.item()

    def steps(count):
        return [
            step(torch.from_numpy(images[which]), torch.from_numpy(labels[which]))
            for which in rows[:count]
        ]

    return Work(lambda: [steps(5)], lambda: steps(len(rows)), len(rows))


def words(case: str) -> Work:
    """Prepare training with sparse gradients, which update the looked-up rows, unless all rows
    change."""
    data, functional, kind = workloads.words(case), torch.nn.functional, workloads.words_rule(case)
    table, contexts = (
        torch.nn.Embedding.from_pretrained(
            torch.from_numpy(value), freeze=False, sparse=kind != "adam"
        )
        for value in data.tables
    )
    weights, adam = [table.weight, contexts.weight], workloads.ADAM
    betas = adam["beta1"], adam["beta2"]
    rule = {
        "sgd": lambda: torch.optim.SGD(weights, workloads.WORDS_RATE),
        "touched": lambda: torch.optim.SparseAdam(
            weights, adam["learning_rate"], betas, adam["epsilon"]
        ),
        "adam": lambda: torch.optim.Adam(weights, adam["learning_rate"], betas, adam["epsilon"]),
    }[kind]()

    def step(x, near, far):
        rule.zero_grad()
        h = table(x)
        close, apart = (h * contexts(near)).sum(1), h @ contexts(far).T
        loss = functional.softplus(-close).mean() + functional.softplus(apart).mean()
        loss.backward()
        rule.step()
        return loss.item()

    def steps(count):
        numbers = zip(data.words[:count], data.near, data.far, strict=False)
        return [step(*map(torch.from_numpy, each)) for each in numbers]

    return Work(lambda: [steps(5)], lambda: steps(data.steps()), data.steps())


def rnn() -> Work:
    data = workloads.walks()
    x, y = torch.from_numpy(data.sequences), torch.from_numpy(data.labels.astype(np.int64))
    kernel, recurrent, bias, w, b = map(torch.from_numpy, data.weights)
    lstm, dense = torch.nn.LSTM(28, 128, batch_first=True), torch.nn.Linear(128, 10)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(kernel.T)
        lstm.weight_hh_l0.copy_(recurrent.T)
        lstm.bias_ih_l0.copy_(bias)
        lstm.bias_hh_l0.zero_()
        dense.weight.copy_(w.T)
        dense.bias.copy_(b)
    lstm.bias_hh_l0.requires_grad_(False)  # PyTorch has two biases; one is enough
    rule = torch.optim.SGD([*lstm.parameters(), *dense.parameters()], workloads.RNN_RATE)
    order = workloads.walk_order()

    def step(which):
        rule.zero_grad()
        _, (h, _) = lstm(x[which])
        loss = torch.nn.functional.cross_entropy(dense(h[0]), y[which])
        loss.backward()
        rule.step()
        return loss.item()

    def steps(count):
        return [step(which) for which in order[:count]]

    return Work(lambda: [steps(5)], lambda: steps(len(order)), len(order))


def cnn() -> Work:
    """Prepare a CNN in PyTorch's own layout, channels first. Convolution adds the bias."""
    data, order = workloads.digits(), workloads.cnn_order()
    pictures, labels = data.floats()
    x, y = torch.from_numpy(pictures.reshape(-1, 1, 28, 28)), torch.from_numpy(labels)
    f1, b1, f2, b2, w, b = map(torch.from_numpy, workloads.filters())
    f1, f2 = f1.permute(3, 2, 0, 1), f2.permute(3, 2, 0, 1)
    w = w.reshape(7, 7, 64, 10).permute(2, 0, 1, 3).reshape(-1, 10)
    f1, b1, f2, b2, w, b = weights = [
        v.clone(memory_format=torch.contiguous_format).requires_grad_()
        for v in (f1, b1, f2, b2, w, b)
    ]
    rule, functional = torch.optim.SGD(weights, workloads.CNN_RATE), torch.nn.functional

    def step(which):
        rule.zero_grad()
        h = functional.relu(functional.conv2d(x[which], f1, b1, padding=2))
        h = functional.max_pool2d(h, 2)
        h = functional.max_pool2d(functional.relu(functional.conv2d(h, f2, b2, padding=2)), 2)
        loss = functional.cross_entropy(h.flatten(1) @ w + b, y[which])
        loss.backward()
        rule.step()
        return loss.item()

    def steps(count):
        return [step(which) for which in order[:count]]

    return Work(lambda: [steps(5)], lambda: steps(len(order)), len(order))


def elem() -> Work:
    x, y = map(torch.from_numpy, workloads.pair())

    def compute():
        return [torch.tanh((x * 2 + y) * (x - y)) / (1 + torch.exp(-x)) + torch.sqrt(y * y + 1)]

    return Work(compute, compute)


def chain() -> Work:
    def compute():
        v = torch.tensor(1.0)
        for _ in range(workloads.CHAIN):
            v = v * 0.999 + 0.001
        return [v.item()]

    return Work(compute, compute)


def wide() -> Work:
    value, matrices = workloads.branches()
    x, matrices = torch.from_numpy(value), torch.from_numpy(matrices)

    def compute():
        return [sum((torch.tanh(x @ m) * 0.5).sum() for m in matrices).item()]  # type: ignore[union-attr]

    return Work(compute, compute)


def reduction(kind: str) -> Work:
    x = torch.from_numpy(workloads.cube())
    axes = [a for a in workloads.REDUCE_AXES if a is not None or kind not in ("softmax", "argmax")]

    def reduce(axis):
        if kind == "softmax":
            return torch.softmax(x, axis).amax(1)
        if kind == "max":
            return torch.amax(x, axis) if axis is not None else x.max()
        return getattr(torch, kind)(x) if axis is None else getattr(torch, kind)(x, axis)

    def compute():
        return [np.asarray(reduce(a)) for a in axes]

    return Work(compute, compute)


def copy(size: int) -> Work:
    """Prepare a copy of ``size`` bytes: half of them read, half written."""
    xs = [torch.rand(size // 8) for _ in range(16 if size < 1 << 21 else 1)]
    ys = [torch.empty_like(x) for x in xs]

    def compute():
        for x, y in zip(xs, ys, strict=True):
            y.copy_(x)

    return Work(lambda: [0.0], compute, len(xs))

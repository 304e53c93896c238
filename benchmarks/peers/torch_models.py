"""The models in eager PyTorch; model_workloads.py describes them."""

from __future__ import annotations

import math

import model_workloads as models
import numpy as np
import torch
import workloads
from torch.nn import functional
from workloads import Work


def prepare(case: str) -> Work:
    if case in models.TRAINED:
        return trained(case)
    if case in models.INFER:
        return inferred(case)
    return product(case) if case in models.PRODUCTS else formula(case)


# ---- layers -------------------------------------------------------------------------------------


def norm(x, w, name):
    return functional.layer_norm(
        x, x.shape[-1:], w[f"{name}_scale"], w[f"{name}_offset"], models.EPSILON
    )


def transformer(x, w, model):
    if model.causal:
        x = functional.embedding(x, w["table"]) + w["positions"]
    rows, steps, width = x.shape
    for k in range(model.layers):
        qkv = norm(x, w, f"{k}/norm1") @ w[f"{k}/qkv"] + w[f"{k}/qkv_bias"]
        apart = qkv.view(rows, steps, 3, model.heads, -1).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(*apart.unbind(), is_causal=model.causal)
        joined = seen.transpose(1, 2).reshape(rows, steps, width)
        x = x + joined @ w[f"{k}/out"] + w[f"{k}/out_bias"]
        up = functional.gelu(norm(x, w, f"{k}/norm2") @ w[f"{k}/up"] + w[f"{k}/up_bias"])
        x = x + up @ w[f"{k}/down"] + w[f"{k}/down_bias"]
    x = norm(x, w, "norm")
    return x @ w["table"].T if model.causal else x.mean(1) @ w["head"] + w["head_bias"]


def deep_cnn(x, w, model):
    """Compute with channels first, in memory channels last, as PyTorch's guide advises on
    processors."""

    def normed(h, name):
        return functional.batch_norm(
            h, None, None, w[f"{name}_scale"], w[f"{name}_offset"], True, 0.1, models.EPSILON
        )

    h = functional.conv2d(x, w["first"], padding=1)
    for k in range(model.blocks):
        inner = functional.relu(normed(functional.conv2d(h, w[f"{k}a"], padding=1), f"{k}a"))
        h = functional.relu(h + normed(functional.conv2d(inner, w[f"{k}b"], padding=1), f"{k}b"))
    return h.mean((2, 3)) @ w["head"] + w["head_bias"]


def dense(x, w, model, rate=0.0):
    for k in range(model.layers):
        x = x @ w[f"{k}"] + w[f"{k}_bias"]
        if k < model.layers - 1:
            x = functional.dropout(functional.relu(x), rate)
    return x


def recurrent(kind, gates, w):
    """Return a layer of PyTorch's own with the weights. Its second bias is zero."""
    features, units = w["kernel"].shape[0], w["recurrent"].shape[0]
    layer = kind(features, units, batch_first=True)

    def arranged(value):  # ours are z, r, n; PyTorch has r, z, n
        if gates == 3:
            z, r, n = value.chunk(3, -1)
            value = torch.cat([r, z, n], -1)
        return value.T if value.dim() > 1 else value

    with torch.no_grad():
        layer.weight_ih_l0.copy_(arranged(w["kernel"]))
        layer.weight_hh_l0.copy_(arranged(w["recurrent"]))
        layer.bias_ih_l0.copy_(arranged(w["bias"]))
        layer.bias_hh_l0.zero_()
    layer.bias_hh_l0.requires_grad_(False)
    return layer


def cnn(x, w):
    h = functional.max_pool2d(functional.relu(functional.conv2d(x, w["f1"], w["b1"], padding=2)), 2)
    h = functional.max_pool2d(functional.relu(functional.conv2d(h, w["f2"], w["b2"], padding=2)), 2)
    return h.flatten(1) @ w["head"] + w["head_bias"]


def tensors(weights):
    return {name: torch.from_numpy(value.copy()) for name, value in weights.items()}


def channels_first(name, value):
    """Return filters (height, width, channels, filters) in PyTorch's layout."""
    return value.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)


# ---- training -----------------------------------------------------------------------------------


def trained(case: str) -> Work:
    model, (kind, _) = models.TRAINED[case], models.scale_of(case)
    xs, ys = (torch.from_numpy(v) for v in model.batches())
    w = tensors(model.weights())
    layers = []
    if kind == "deep_cnn":
        xs = [x.permute(0, 3, 1, 2) for x in xs]
        w = {n: channels_first(n, v) if v.dim() == 4 else v for n, v in w.items()}
    if kind == "gru":
        layers.append(recurrent(torch.nn.GRU, 3, w))
        w = {n: w[n] for n in ("head", "head_bias")}
    for value in w.values():
        value.requires_grad_()
    parameters = [*w.values(), *(p for m in layers for p in m.parameters() if p.requires_grad)]
    adam = workloads.ADAM
    rule = {
        "deep_cnn": lambda: torch.optim.SGD(
            parameters, models.MOMENTUM["learning_rate"], models.MOMENTUM["momentum"]
        ),
        "gru": lambda: torch.optim.SGD(parameters, workloads.RNN_RATE),
    }.get(
        kind,
        lambda: torch.optim.Adam(
            parameters, adam["learning_rate"], (adam["beta1"], adam["beta2"]), adam["epsilon"]
        ),
    )()

    def loss_of(x, y, rate):
        if kind == "autoencoder":
            return functional.mse_loss(torch.sigmoid(dense(x, w, model)), x)
        if kind == "gru":
            logits = layers[0](x)[1][0] @ w["head"] + w["head_bias"]
        elif kind == "deep_mlp":
            logits = dense(x, w, model, rate)
        else:
            logits = {"deep_cnn": deep_cnn}.get(kind, transformer)(x, w, model)
        return functional.cross_entropy(logits.flatten(0, -2), y.long().flatten())

    def step(x, y):
        rule.zero_grad()
        loss = loss_of(x, y, models.DROPPED)
        loss.backward()
        rule.step()
        return loss.item()

    def steps(count):
        return [step(xs[k], ys[k]) for k in range(count)]

    def first():
        start = loss_of(xs[0], ys[0], 0.0).item()
        losses = steps(3)
        return [[start]] if kind == "deep_mlp" else [losses]

    return Work(first, lambda: steps(len(xs)), len(xs))


# ---- inference, products, formulas --------------------------------------------------------------


def plain(name: str) -> str:
    """Return a name that attributes may have."""
    return "w_" + name.replace("/", "_")


class Inference(torch.nn.Module):
    """The module that onnxruntime also gets."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.model = name, models.INFERRED[name]
        w = tensors(self.model.weights())
        if name == "cnn":
            w = {n: channels_first(n, v) if v.dim() == 4 else v for n, v in w.items()}
            w["head"] = w["head"].reshape(7, 7, 64, 10).permute(2, 0, 1, 3).reshape(-1, 10)
        if name == "lstm":
            self.lstm = recurrent(torch.nn.LSTM, 4, w)
        for key, value in w.items():
            self.register_buffer(plain(key), value.contiguous())
        self.names = list(w)

    def forward(self, x):
        w = {name: getattr(self, plain(name)) for name in self.names}
        if self.name == "cnn":
            return cnn(x.permute(0, 3, 1, 2), w)
        if self.name == "lstm":
            return self.lstm(x)[1][0][0] @ w["head"] + w["head_bias"]
        return {"mlp": dense, "transformer": transformer}[self.name](x, w, self.model)


def inferred(case: str) -> Work:
    name, value = models.inference(case)
    model, x = Inference(name).eval(), torch.from_numpy(value)

    def compute():
        with torch.inference_mode():
            return [model(x).numpy()]

    return Work(compute, compute)


def product(case: str) -> Work:
    a, b = map(torch.from_numpy, models.factors(case))
    return Work(lambda: [a @ b], lambda: a @ b)


FORMULAS = {
    "arithmetic": lambda x: (x + 1) * x - 0.5 * x,
    "log": lambda x: torch.log(x * x + 1),
    "sqrt": lambda x: torch.sqrt(x * x + 1),
    "gelu": functional.gelu,
    "softplus": lambda x: functional.softplus(x, threshold=math.inf),
}


def formula(case: str) -> Work:
    family, values = models.operands(case)
    xs = [torch.from_numpy(v) for v in values]
    compute = FORMULAS.get(family) or getattr(torch, family)
    return Work(lambda: [np.asarray(compute(xs[0]))], lambda: [compute(x) for x in xs], len(xs))

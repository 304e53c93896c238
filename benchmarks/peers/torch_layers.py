"""Cases of `layer_workloads` in eager PyTorch, as its documentation writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import layer_workloads as models
import torch
import torch.nn.functional as F
from torch import nn
from workloads import Work

Loss = Callable[..., torch.Tensor]
MODELS: dict[str, Callable[[], tuple[nn.Module, Loss]]] = {}


def model(function: Callable[[], tuple[nn.Module, Loss]]) -> Any:
    """Register a model: a function that returns the module with the weights, and the loss of
    inputs."""
    MODELS[function.__name__] = function
    return function


def classifier(net: nn.Module) -> tuple[nn.Module, Loss]:
    return net, lambda x, y: F.cross_entropy(net(x), y)


def normed(
    kind: type[nn.Module], channels: int, layer: nn.Module, activation: type[nn.Module] = nn.ReLU
) -> list[nn.Module]:
    return [layer, kind(channels), activation()]


@model
def autoencoder():
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(32, 16, 3, 2, 1, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 3, 2, 1, 1),
    )  # fmt: skip
    return net, lambda x: F.mse_loss(net(x), x)


@model
def separable():
    def part(layer: nn.Module, channels: int) -> list[nn.Module]:
        return normed(nn.BatchNorm2d, channels, layer, nn.ReLU6)

    layers, channels = part(nn.Conv2d(3, 32, 3, 1, 1, bias=False), 32), 32
    for filters, stride in ((64, 1), (128, 2), (128, 1), (256, 2)):
        each = nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)
        layers += part(each, channels)
        layers += part(nn.Conv2d(channels, filters, 1, bias=False), filters)
        channels = filters
    return classifier(
        nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10))
    )


@model
def both_ways():
    lstm = nn.LSTM(64, 64, batch_first=True, bidirectional=True)
    net = nn.ModuleList([nn.Embedding(models.WORDS, 64), lstm, nn.Linear(128, 2)])

    def loss(x, y):
        ends = lstm(net[0](x))[1][0]
        return F.cross_entropy(net[2](torch.cat([*ends], 1)), y)

    return net, loss


@model
def u_net():
    def twice(channels: int, filters: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(channels, filters, 3, 1, 1), nn.ReLU(),
            nn.Conv2d(filters, filters, 3, 1, 1), nn.ReLU(),
        )  # fmt: skip

    down = [twice(3, 16), twice(16, 32), twice(32, 64)]
    ups = [nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)]
    joined = [twice(64, 32), twice(32, 16)]
    last = nn.Conv2d(16, 2, 1)

    def loss(x, y):
        first = down[0](x)
        second = down[1](F.max_pool2d(first, 2))
        up = ups[0](down[2](F.max_pool2d(second, 2)))
        up = ups[1](joined[0](torch.cat([up, second], 1)))
        return F.cross_entropy(last(joined[1](torch.cat([up, first], 1))), y)

    return nn.ModuleList([*down, *ups, *joined, last]), loss


@model
def text():
    seen = nn.ModuleList(nn.Conv1d(64, 64, size) for size in (3, 4, 5))
    net = nn.ModuleList([nn.Embedding(models.WORDS, 64), seen, nn.Linear(192, 2)])

    def loss(x, y):
        h = net[0](x).transpose(1, 2)
        found = torch.cat([F.relu(each(h)).amax(2) for each in seen], 1)
        return F.cross_entropy(net[2](F.dropout(found, 0.5)), y)

    return net, loss


@model
def variational():
    sizes = ((784, 400), (400, 20), (400, 20), (20, 400), (400, 784))
    net = nn.ModuleList(nn.Linear(*each) for each in sizes)

    def loss(x):
        x = torch.sigmoid(x)
        h = F.relu(net[0](x))
        mean, spread = net[1](h), net[2](h)
        z = mean + torch.exp(spread * 0.5) * torch.randn(128, 20)
        out = net[4](F.relu(net[3](z)))
        lost = F.binary_cross_entropy_with_logits(out, x, reduction="none").sum(1)
        return (lost - 0.5 * (1 + spread - mean**2 - spread.exp()).sum(1)).mean()

    return net, loss


@model
def normalized():
    layers: list[nn.Module] = []
    for size in (784, 512, 512):
        layers += normed(nn.BatchNorm1d, 512, nn.Linear(size, 512, bias=False))
    return classifier(nn.Sequential(*layers, nn.Linear(512, 10)))


@model
def volumes():
    return classifier(
        nn.Sequential(
            nn.Conv3d(1, 8, 3, 1, 1), nn.ReLU(), nn.MaxPool3d(2),
            nn.Conv3d(8, 16, 3, 1, 1), nn.ReLU(), nn.MaxPool3d(2),
            nn.Flatten(), nn.Linear(16 * 4 * 8 * 8, 10),
        )
    )  # fmt: skip


@model
def waves():
    seen = nn.ModuleList(nn.Conv1d(32, 64, 3, padding=d, dilation=d) for d in (1, 2, 4, 8))
    mixed = nn.ModuleList(nn.Conv1d(32, 32, 1) for _ in seen)
    net = nn.ModuleList([nn.Conv1d(1, 32, 3, padding=1), seen, mixed, nn.Linear(32, 10)])

    def loss(x, y):
        h = net[0](x)
        for look, mix in zip(seen, mixed, strict=True):
            value, gate = look(h).chunk(2, 1)
            h = h + mix(torch.tanh(value) * torch.sigmoid(gate))
        return F.cross_entropy(net[3](h.mean(2)), y)

    return net, loss


class Block(nn.Module):
    """A layer of a transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(64), nn.LayerNorm(64)])
        self.attention = nn.MultiheadAttention(64, 4, batch_first=True)
        self.up, self.down = nn.Linear(64, 256), nn.Linear(256, 64)

    def forward(self, h):
        x = self.norms[0](h)
        h = h + self.attention(x, x, x, need_weights=False)[0]
        return h + self.down(F.gelu(self.up(self.norms[1](h))))


@model
def patches():
    net = nn.ModuleList([nn.Conv2d(3, 64, 4, 4), Block(), Block(), Block(), nn.Linear(64, 10)])

    def loss(x, y):
        h = net[0](x).flatten(2).transpose(1, 2)
        for block in net[1:4]:
            h = block(h)
        return F.cross_entropy(net[4](h.mean(1)), y)

    return net, loss


@model
def labels():
    gru = nn.GRU(64, 96, batch_first=True)
    net = nn.ModuleList([nn.Embedding(models.WORDS, 64), gru, nn.Linear(96, 20)])

    def loss(x, y):
        return F.cross_entropy(net[2](gru(net[0](x))[0]).flatten(0, 1), y.flatten())

    return net, loss


@model
def adversarial():
    make = nn.Sequential(nn.Linear(100, 256), nn.LeakyReLU(0.2), nn.Linear(256, 784), nn.Tanh())
    judge = nn.Sequential(nn.Linear(784, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1))

    def loss(noise, real):
        return F.softplus(-judge(real)).mean() + F.softplus(judge(make(noise))).mean()

    return nn.ModuleList([make, judge]), loss


@model
def many_words():
    table = nn.Embedding(models.MANY, 32)
    last = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 2))
    net = nn.ModuleList([table, last])
    return net, lambda x, y: F.cross_entropy(last(table(x).mean(1)), y)


class Bottleneck(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers = normed(nn.BatchNorm2d, 32, nn.Conv2d(64, 32, 1, bias=False))
        layers += normed(nn.BatchNorm2d, 32, nn.Conv2d(32, 32, 3, 1, 1, bias=False))
        layers += normed(nn.BatchNorm2d, 64, nn.Conv2d(32, 64, 1, bias=False))[:2]
        self.layers = nn.Sequential(*layers)

    def forward(self, h):
        return F.relu(h + self.layers(h))


@model
def bottlenecks():
    ends = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)
    return classifier(nn.Sequential(Bottleneck(), Bottleneck(), *ends))


@model
def next_word():
    lstm = nn.LSTM(128, 128, 2, batch_first=True)
    net = nn.ModuleList([nn.Embedding(2000, 128), lstm, nn.Linear(128, 2000)])

    def loss(x, y):
        return F.cross_entropy(net[2](lstm(net[0](x))[0]).flatten(0, 1), y.flatten())

    return net, loss


@model
def lenet():
    return classifier(
        nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
        )
    )  # fmt: skip


@model
def alexnet():
    return classifier(
        nn.Sequential(
            nn.ZeroPad2d((3, 4, 3, 4)), nn.Conv2d(3, 64, 11, 4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(64, 192, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(192, 256, 3, 1, 1), nn.ReLU(), nn.Flatten(),
            nn.Linear(4096, 1024), nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, 10),
        )
    )  # fmt: skip


@model
def generator():
    layers = [nn.Linear(100, 2048), nn.Unflatten(1, (128, 4, 4)), nn.BatchNorm2d(128), nn.ReLU()]
    for channels, filters in ((128, 64), (64, 32)):
        each = nn.ConvTranspose2d(channels, filters, 4, 2, 1)
        layers += normed(nn.BatchNorm2d, filters, each)
    net = nn.Sequential(*layers, nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh())
    return net, lambda noise: (net(noise) ** 2).mean()


@model
def siamese():
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 64),
    )  # fmt: skip

    def loss(one, other):
        return ((F.normalize(net(one)) - F.normalize(net(other))) ** 2).sum(1).mean()

    return net, loss


@model
def curve():
    layers: list[nn.Module] = []
    for size in (20, 64, 64, 64):
        layers += [nn.Linear(size, 64), nn.Tanh()]
    net = nn.Sequential(*layers, nn.Linear(64, 1))
    return net, lambda x, y: F.mse_loss(net(x), y)


@model
def grouped():
    seen = nn.ModuleList(nn.Conv2d(32, 32, 3, 1, 1, groups=4, bias=False) for _ in range(3))
    net = nn.ModuleList([seen, nn.Linear(32, 10)])

    def loss(x, y):
        for each in seen:
            x = F.relu(each(x) + x)
        return F.cross_entropy(net[1](x.mean((2, 3))), y)

    return net, loss


@model
def upsampled():
    net = nn.ModuleList([nn.Conv2d(16, 16, 3, 1, 1), nn.Conv2d(16, 3, 3, 1, 1)])

    def loss(x):
        h = F.relu(net[0](F.interpolate(x, scale_factor=2, mode="bilinear")))
        return (net[1](F.interpolate(h, scale_factor=2)) ** 2).mean()

    return net, loss


@model
def recommended():
    tables = nn.ModuleList(nn.Embedding(models.USERS, 32) for _ in range(2))
    last = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def loss(user, item, rating):
        both = [table(each) for table, each in zip(tables, (user, item), strict=True)]
        found = (both[0] * both[1]).sum(1) + last(torch.cat(both, 1)).squeeze(1)
        return ((found - rating) ** 2).mean()

    return nn.ModuleList([tables, last]), loss


def prepare(case: str) -> Work:
    net, loss = MODELS[case.removeprefix("model_")]()
    arrays = [_given(torch.from_numpy(a)) for a in models.arrays_of(case)]
    optimizer = torch.optim.Adam(net.parameters(), models.RATE)

    def step() -> float:
        optimizer.zero_grad()
        lost = loss(*arrays)
        lost.backward()
        optimizer.step()
        return lost.item()

    def first() -> list[Any]:
        count = sum(p.numel() for p in net.parameters() if p.dim() > 1)
        return [count, torch.isfinite(torch.tensor(step()))]

    return Work(first, step)


def _given(x: torch.Tensor) -> torch.Tensor:
    """Return an array as PyTorch wants it: 64-bit indices, channels before the axes of space."""
    if not x.is_floating_point():
        return x.long()
    return x.movedim(-1, 1).contiguous() if x.dim() > 2 else x

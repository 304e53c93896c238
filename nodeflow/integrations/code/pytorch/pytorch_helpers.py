"""Helper functions in PyTorch programs, for ops that need more than one expression."""

from __future__ import annotations

HELPERS = {
    "lstm": '''\
def lstm(
    x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor
) -> tuple[Tensor, ...]:
    """All outputs, and the last h and c; gates in the order i, f, g, o."""
    h = c = x.new_zeros(x.shape[0], recurrent.shape[0])
    outputs = []
    for step in (x @ kernel + bias).unbind(1):
        i, f, g, o = (step + h @ recurrent).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), h, c
''',
    "gru": '''\
def gru(
    x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor
) -> tuple[Tensor, ...]:
    """All outputs, and the last h; gates in the order z, r, n."""
    h = x.new_zeros(x.shape[0], recurrent.shape[0])
    outputs = []
    for step in (x @ kernel + bias).unbind(1):
        z, r, n = step.chunk(3, dim=1)
        h_z, h_r, h_n = (h @ recurrent).chunk(3, dim=1)
        n = torch.tanh(n + torch.sigmoid(r + h_r) * h_n)
        h = n + torch.sigmoid(z + h_z) * (h - n)
        outputs.append(h)
    return torch.stack(outputs, dim=1), h
''',
    "conv2d": '''\
def conv2d(
    x: Tensor, kernel: Tensor, stride: tuple[int, int], padding: str | int
) -> Tensor:
    """A convolution of (n, height, width, channels) by (height, width, in, out)."""
    x, kernel = x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1)
    return F.conv2d(x, kernel, None, stride, padding).permute(0, 2, 3, 1)
''',
    "max_pool2d": '''\
def max_pool2d(x: Tensor, size: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """The largest of each window of (n, height, width, channels)."""
    return F.max_pool2d(x.permute(0, 3, 1, 2), size, stride).permute(0, 2, 3, 1)
''',
    "average_pool2d": '''\
def average_pool2d(x: Tensor, size: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """The mean of each window of (n, height, width, channels)."""
    return F.avg_pool2d(x.permute(0, 3, 1, 2), size, stride).permute(0, 2, 3, 1)
''',
    "same": '''\
def same(
    x: Tensor, size: tuple[int, int], stride: tuple[int, int], value: float = 0.0
) -> Tensor:
    """A border for (n, height, width, channels), so that windows reach every pixel."""
    pads = []
    for length, width, step in zip(x.shape[1:3], size, stride, strict=True):
        total = max((-(-length // step) - 1) * step + width - length, 0)
        pads.append((total // 2, total - total // 2))
    return F.pad(x, (0, 0, *pads[1], *pads[0]), value=value)
''',
    "batch_norm": '''\
def batch_norm(
    x: Tensor,
    scale: Tensor | float,
    offset: Tensor | float,
    moving_mean: Tensor,
    moving_variance: Tensor,
    momentum: float,
    epsilon: float,
    training: bool,
    axis: int = -1,
    unbiased: bool = False,
) -> Tensor:
    """Normalize each feature; in training, the moving averages change in place.

    As in TensorFlow, momentum is the share of the averages that stays, and the variance
    that they follow is divided by the count, unless it is unbiased.
    """
    mean, variance = moving_mean, moving_variance
    if training:
        others = [n for n in range(x.ndim) if n != axis % x.ndim]
        variance, mean = torch.var_mean(x, others, correction=0)
        rows = x.numel() / mean.numel()
        target = variance * rows / max(rows - 1, 1) if unbiased else variance
        with torch.no_grad():
            moving_mean.lerp_(mean.view_as(moving_mean), 1 - momentum)
            moving_variance.lerp_(target.view_as(moving_variance), 1 - momentum)
    shape = [-1 if n == axis % x.ndim else 1 for n in range(x.ndim)]
    mean, variance = mean.view(shape), variance.view(shape)
    scale = scale.view(shape) if isinstance(scale, Tensor) else scale
    offset = offset.view(shape) if isinstance(offset, Tensor) else offset
    return (x - mean) * torch.rsqrt(variance + epsilon) * scale + offset
''',
    "gather_nd": '''\
def gather_nd(x: Tensor, indices: Tensor, batch_dims: int = 0) -> Tensor:
    """The slices of x that the last axis of the indices names."""
    if batch_dims:
        pairs = zip(x, indices, strict=True)
        return torch.stack([gather_nd(*pair, batch_dims - 1) for pair in pairs])
    return x[tuple(indices.long().movedim(-1, 0))]
''',
    "part": '''\
def part(x: Tensor, begin: Tensor, size: tuple[int, ...]) -> Tensor:
    """The part of a tensor that begins at some indices."""
    pairs = zip(begin.tolist(), size, strict=True)
    return x[tuple(slice(first, first + count) for first, count in pairs)]
''',
    "truncated_normal": '''\
def truncated_normal(
    shape: tuple[int, ...], mean: float = 0.0, stddev: float = 1.0, **how: torch.dtype
) -> Tensor:
    """Normally distributed numbers within two standard deviations."""
    low, high = mean - 2 * stddev, mean + 2 * stddev
    return nn.init.trunc_normal_(torch.empty(shape, **how), mean, stddev, low, high)
''',
}

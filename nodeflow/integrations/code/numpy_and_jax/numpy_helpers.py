"""Helper functions in numpy programs, for operations that numpy lacks, such as layers and
truncated draws.
"""

from __future__ import annotations

HELPERS = {
    "lstm": '''\
def lstm(
    x: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, ...]:
    """All outputs, and the last h and c; gates in the order i, f, g, o."""
    h = c = np.zeros((x.shape[0], recurrent.shape[0]), x.dtype)
    outputs = []
    for step in np.swapaxes(x @ kernel + bias, 0, 1):
        i, f, g, o = np.split(step + h @ recurrent, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, c
''',
    "gru": '''\
def gru(
    x: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, ...]:
    """All outputs, and the last h; gates in the order z, r, n."""
    h = np.zeros((x.shape[0], recurrent.shape[0]), x.dtype)
    outputs = []
    for step in np.swapaxes(x @ kernel + bias, 0, 1):
        z, r, n = np.split(step, 3, axis=1)
        h_z, h_r, h_n = np.split(h @ recurrent, 3, axis=1)
        n = np.tanh(n + sigmoid(r + h_r) * h_n)
        h = n + sigmoid(z + h_z) * (h - n)
        outputs.append(h)
    return np.stack(outputs, axis=1), h
''',
    "conv2d": '''\
def conv2d(
    x: np.ndarray, kernel: np.ndarray, strides: tuple[int, int], padding: str
) -> np.ndarray:
    """A convolution of (n, height, width, channels) by (height, width, in, out)."""
    seen = windows(x, kernel.shape[:2], strides, padding, 0)
    return np.einsum("nhwcij,ijco->nhwo", seen, kernel, optimize=True)
''',
    "max_pool2d": '''\
def max_pool2d(
    x: np.ndarray, size: tuple[int, int], strides: tuple[int, int], padding: str
) -> np.ndarray:
    """The largest of each window of (n, height, width, channels)."""
    return windows(x, size, strides, padding, -np.inf).max(axis=(-2, -1))
''',
    "average_pool2d": '''\
def average_pool2d(
    x: np.ndarray, size: tuple[int, int], strides: tuple[int, int], padding: str
) -> np.ndarray:
    """The mean of each window of (n, height, width, channels)."""
    counted = windows(np.ones_like(x), size, strides, padding, 0).sum(axis=(-2, -1))
    return windows(x, size, strides, padding, 0).sum(axis=(-2, -1)) / counted
''',
    "windows": '''\
def windows(
    x: np.ndarray,
    size: tuple[int, int],
    strides: tuple[int, int],
    padding: str,
    value: float,
) -> np.ndarray:
    """The windows of pictures: (n, height, width, channels, *size)."""
    if padding == "SAME":
        before = []
        for length, width, step in zip(x.shape[1:3], size, strides, strict=True):
            total = max((-(-length // step) - 1) * step + width - length, 0)
            before.append((total // 2, total - total // 2))
        x = np.pad(x, ((0, 0), *before, (0, 0)), constant_values=value)
    seen = np.lib.stride_tricks.sliding_window_view(x, size, axis=(1, 2))
    return seen[:, :: strides[0], :: strides[1]]
''',
    "sigmoid": '''\
def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))
''',
    "log_softmax": '''\
def log_softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Logarithms of shares."""
    x = x - x.max(axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))
''',
    "softmax": '''\
def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Shares that sum up to 1."""
    shares = np.exp(x - x.max(axis, keepdims=True))
    return shares / shares.sum(axis, keepdims=True)
''',
    "softplus": '''\
def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)), without overflow."""
    return np.logaddexp(x, 0)
''',
    "layer_norm": '''\
def layer_norm(
    x: np.ndarray, scale: np.ndarray, offset: np.ndarray, epsilon: float
) -> np.ndarray:
    """Each row with mean 0 and variance 1, scaled and shifted."""
    mean = x.mean(-1, keepdims=True)
    variance = np.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon) * scale + offset
''',
    "dropout": '''\
def dropout(
    x: np.ndarray, rate: float, rng: np.random.Generator, training: bool
) -> np.ndarray:
    """In training, zero a share of the elements, and scale the others up."""
    if not training:
        return x
    kept = rng.random(x.shape) >= rate
    return np.where(kept, x / (1 - rate) if rate < 1 else 0, 0).astype(x.dtype)
''',
    "batch_norm": '''\
def batch_norm(
    x: np.ndarray,
    scale: np.ndarray | float,
    offset: np.ndarray | float,
    moving_mean: np.ndarray,
    moving_variance: np.ndarray,
    momentum: float,
    epsilon: float,
    training: bool,
    axis: int = -1,
    unbiased: bool = False,
) -> np.ndarray:
    """Normalize each feature; in training, the moving averages change in place."""
    mean, variance = moving_mean, moving_variance
    if training:
        others = tuple(n for n in range(x.ndim) if n != axis % x.ndim)
        mean, variance = x.mean(others), x.var(others)
        rows = x.size / mean.size
        target = variance * rows / max(rows - 1, 1) if unbiased else variance
        kept = moving_mean.shape
        moving_mean += (1 - momentum) * (mean.reshape(kept) - moving_mean)
        moving_variance += (1 - momentum) * (target.reshape(kept) - moving_variance)
    shape = [-1 if n == axis % x.ndim else 1 for n in range(x.ndim)]
    mean, variance = mean.reshape(shape), variance.reshape(shape)
    scale, offset = np.reshape(scale, shape), np.reshape(offset, shape)
    return (x - mean) / np.sqrt(variance + epsilon) * scale + offset
''',
    "gather_nd": '''\
def gather_nd(x: np.ndarray, indices: np.ndarray, batch_dims: int = 0) -> np.ndarray:
    """The slices of x that the last axis of the indices names."""
    if batch_dims:
        pairs = zip(x, indices, strict=True)
        return np.stack([gather_nd(*pair, batch_dims - 1) for pair in pairs])
    return x[tuple(np.moveaxis(indices, -1, 0))]
''',
    "part": '''\
def part(x: np.ndarray, begin: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """The part of an array that begins at some indices."""
    return x[tuple(slice(b, b + n) for b, n in zip(begin, size, strict=True))]
''',
    "truncated_normal": '''\
def truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normally distributed numbers within two standard deviations."""
    found = rng.standard_normal(shape)
    while (beyond := np.abs(found) > 2).any():
        found[beyond] = rng.standard_normal(beyond.sum())
    return found
''',
}

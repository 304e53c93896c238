"""Signals and complex numbers against numpy, scipy and formulas written down anew."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft as scipy_fft
from scipy import signal as scipy_signal

import nodeflow as nf
from nodeflow.engine.session import Session
from nodeflow.errors import AttributeProblem, DtypeError, GradientError, NodeflowError, ShapeError
from nodeflow.graph.types import COMPLEX
from nodeflow.ops.namespaces import signal as signals

RNG = np.random.default_rng(2)
both_tiers = pytest.mark.parametrize("tier", ["reference", "compiled"])


def run(function, *arrays, tier="reference"):
    """What a function of tensors gives for arrays."""
    with nf.Graph() as graph:
        fed = [nf.placeholder(a.dtype.name, a.shape) for a in arrays]
        made = function(*fed)
    with Session(graph, tier=tier) as session:
        return session.run(made, dict(zip(fed, arrays, strict=True)))


def complex_numbers(*shape, dtype="complex128"):
    return (RNG.normal(size=shape) + 1j * RNG.normal(size=shape)).astype(dtype)


def close(found, expected, dtype=None):
    assert found.dtype == (dtype or expected.dtype)
    single = found.dtype in (np.float32, np.complex64)
    np.testing.assert_allclose(found, expected, rtol=1e-5 if single else 1e-11, atol=1e-5)


# ---- complex numbers --------------------------------------------------------------------------


@both_tiers
@pytest.mark.parametrize("dtype", COMPLEX)
def test_arithmetic_on_complex_numbers_is_numpys(dtype, tier):
    x, y = complex_numbers(2, 3, dtype=dtype), complex_numbers(3, dtype=dtype)

    def graph(a, b):
        return [
            *(a + b, a - b, a * b, a / b, -a, nf.square(a), nf.exp(a), nf.log(a), nf.sqrt(a)),
            *(nf.reduce_sum(a, axis=1), nf.reduce_mean(a), nf.matmul(a, b), nf.equal(a, b)),
            *(nf.transpose(a), nf.concat([a, a], axis=0), nf.where(nf.equal(a, a), a, a * 2)),
        ]

    expected = [
        *(x + y, x - y, x * y, x / y, -x, x * x, np.exp(x), np.log(x), np.sqrt(x)),
        *(x.sum(1), x.mean(), x @ y, x == y, x.T, np.concatenate([x, x]), x),
    ]
    for found, wanted in zip(run(graph, x, y, tier=tier), expected, strict=True):
        close(
            found, np.asarray(wanted), np.asarray(wanted).dtype if wanted is expected[12] else dtype
        )


@pytest.mark.parametrize("dtype", COMPLEX)
def test_parts_of_complex_numbers(dtype):
    x = complex_numbers(4, dtype=dtype)
    functions = [(nf.real, np.real), (nf.imag, np.imag), (nf.abs, np.abs), (nf.angle, np.angle)]
    for ours, numpys in [*functions, (nf.conj, np.conj)]:
        close(run(ours, x), numpys(x))
    close(run(lambda a: nf.complex(nf.real(a), nf.imag(a)), x), x)
    part = x.real.copy()
    for ours, numpys in [*functions, (nf.conj, np.conj)]:
        close(run(ours, part), np.asarray(numpys(part), part.dtype))


def test_complex_literals():
    with nf.Graph() as graph:
        x = nf.constant(1 + 2j)
        y = nf.constant([[1, 2.5j], [3 - 1j, -0.0]], "complex64")
        z = nf.placeholder("complex64", []) * (2 - 1j)
        assert (x.dtype, y.dtype, z.dtype) == ("complex128", "complex64", "complex64")
        with pytest.raises(NodeflowError, match="1\\+2j is not a float32"):
            nf.constant(1 + 2j, "float32")
    assert Session(graph).run(y).tolist() == [[1, 2.5j], [3 - 1j, 0]]


@both_tiers
def test_complex_numbers_survive_files(tmp_path, tier):
    values = np.array([complex(np.nan, -0.0), complex(-np.inf, 2.5), 1e300 - 1e-300j])
    with nf.Graph() as graph:
        nf.constant(values, name="a")
        nf.variable(values, name="v", trainable=False)
        nf.placeholder("complex128", [], name="x")
        nf.identity(graph.tensor("x") * (1 - 2j), name="y")
    path = tmp_path / "c.flow"
    nf.save(graph, path)
    text = path.read_text()
    assert '"nan-0j"' in text and '"1-2j"' in text
    loaded = nf.load(path)
    with Session(loaded, tier=tier) as session:
        session.initialize()
        a, v, y = session.run(["a", "v", "y"], {"x": 1j})
    assert a.tobytes() == v.tobytes() == values.tobytes() and y == 2 + 1j
    nf.save(loaded, path)
    assert path.read_text() == text


def test_gradients_through_complex_numbers_are_refused_by_name():
    with nf.Graph():
        x = nf.variable([1.0, 2.0], name="x")
        spectrum = nf.fft(nf.cast(x, "complex64"), name="spectrum")
        loss = nf.reduce_sum(nf.abs(spectrum, name="size"))
        with pytest.raises(GradientError, match="abs takes complex numbers") as caught:
            nf.gradients(loss, [x])
        assert caught.value.node == "size"
        stopped = nf.reduce_sum(nf.abs(nf.stop_gradient(spectrum))) + nf.reduce_sum(x)
        (gradient,) = nf.gradients(stopped, [x])
        assert gradient is not None
        with pytest.raises(DtypeError, match="at 'y', not complex64"):
            nf.gradients(spectrum, [x])


def test_casts_of_complex_numbers_take_the_real_part():
    x = np.array([1.9 + 5j, -2.5j])
    assert run(lambda a: nf.cast(a, "int32"), x).tolist() == [1, 0]
    assert run(lambda a: nf.cast(a, "float32"), x).tolist() == [np.float32(1.9), 0]
    assert run(lambda a: nf.cast(a, "bool"), x).tolist() == [True, True]
    assert run(lambda a: nf.cast(a, "complex64"), np.arange(2)).dtype == np.complex64


def test_order_of_complex_numbers_is_refused():
    with nf.Graph(), pytest.raises(DtypeError, match="takes any float or any integer"):
        nf.less(nf.placeholder("complex64", []), nf.placeholder("complex64", []))


# ---- bits -------------------------------------------------------------------------------------


def test_bitcast_reads_the_same_bits():
    x = np.array([[1.0, -2.5, np.inf]], "float32")
    assert run(lambda a: nf.bitcast(a, "uint32"), x).tolist() == x.view("uint32").tolist()
    apart = run(lambda a: nf.bitcast(a, "uint8"), x)
    assert apart.shape == (1, 3, 4) and apart.tobytes() == x.tobytes()
    assert run(lambda a: nf.bitcast(a, "float32"), apart).tolist() == x.tolist()
    half = run(lambda a: nf.bitcast(a, "bfloat16"), np.array([0x3FC0], "uint16"))
    assert float(half[0]) == 1.5
    with nf.Graph(), pytest.raises(ShapeError, match="takes 4 uint8 along the last axis"):
        nf.bitcast(nf.placeholder("uint8", [3, 2]), "float32")


@both_tiers
@pytest.mark.parametrize(
    ("source", "target", "values", "expected"),
    [
        ("int32", "uint8", [-5, 255, 300], [0, 255, 255]),
        ("uint64", "int16", [2**63, 7, 0], [32767, 7, 0]),
        ("int8", "uint32", [-1, 5, 127], [0, 5, 127]),
        ("float64", "int8", [1e9, -200.0, 2.7], [127, -128, 2]),
        ("float64", "float16", [1e9, -1e9, 0.5], [65504, -65504, 0.5]),
        ("int64", "float16", [10**6, -3, 2], [np.inf, -3, 2]),
    ],
)
def test_saturate_cast_holds_values_at_the_ends(source, target, values, expected, tier):
    found = run(lambda a: nf.saturate_cast(a, target), np.array(values, source), tier=tier)
    assert found.dtype == target and found.tolist() == expected


# ---- transforms -------------------------------------------------------------------------------


@both_tiers
@pytest.mark.parametrize("dtype", COMPLEX)
@pytest.mark.parametrize(("name", "axes"), [("fft", 1), ("fft2d", 2), ("fft3d", 3)])
def test_fourier_transforms_and_their_inverses(name, axes, dtype, tier):
    x = complex_numbers(2, 3, 4, 6, dtype=dtype)
    forward, back = getattr(nf, name), getattr(nf, "i" + name)
    last = range(-axes, 0)
    close(run(forward, x, tier=tier), np.fft.fftn(x, axes=last), dtype)
    close(run(lambda a: back(forward(a)), x, tier=tier), x)


@both_tiers
@pytest.mark.parametrize(("name", "axes"), [("rfft", 1), ("rfft2d", 2), ("rfft3d", 3)])
@pytest.mark.parametrize("length", [None, 5, 8])
def test_fourier_transforms_of_real_numbers(name, axes, length, tier):
    x = RNG.normal(size=(2, 4, 6, 6)).astype("float32")
    sizes = None if length is None else [length] * axes
    last = range(-axes, 0)
    spectrum = run(lambda a: getattr(signals, name)(a, sizes), x, tier=tier)
    close(spectrum, np.fft.rfftn(x, s=sizes, axes=last), np.complex64)
    back = run(lambda a: getattr(signals, "i" + name)(a, sizes), spectrum, tier=tier)
    close(back, np.fft.irfftn(spectrum, s=sizes, axes=last), np.float32)


def test_what_cannot_be_transformed_is_refused_clearly():
    with nf.Graph():
        with pytest.raises(DtypeError, match="fft takes complex64 or complex128"):
            nf.fft(nf.placeholder("float32", [4]))
        with pytest.raises(AttributeProblem, match="fft_length must be 2 positive sizes"):
            signals.rfft2d(nf.placeholder("float32", [4, 4]), [4])
        with pytest.raises(ShapeError, match="fft3d needs 3 axes"):
            nf.fft3d(nf.placeholder("complex64", [4, 4]))
        with pytest.raises(ShapeError, match="fft needs 1 axis, not"):
            nf.fft(nf.placeholder("complex64", []))


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
@pytest.mark.parametrize("norm", [None, "ortho"])
def test_cosine_transforms_are_scipys(kind, norm):
    if kind == 1 and norm:
        return
    x = RNG.normal(size=(3, 7))
    found = run(lambda a: signals.dct(a, type=kind, norm=norm), x)
    close(found, scipy_fft.dct(x, kind, norm=norm))
    if norm:
        close(run(lambda a: signals.idct(a, type=kind, norm=norm), found), x)


@pytest.mark.parametrize("length", [1, 2, 6, 7])
def test_windows_are_those_of_tensorflow_1(length):
    for name, scipys in (("hann_window", "hann"), ("hamming_window", "hamming")):
        window = getattr(signals, name)
        symmetric = scipy_signal.get_window(scipys, length, fftbins=False)
        periodic = scipy_signal.get_window(scipys, length, fftbins=length % 2 == 0)
        close(run(lambda w=window: w(length, periodic=False)), symmetric.astype("float32"))
        close(run(lambda w=window: w(length)), periodic.astype("float32"))


@both_tiers
@pytest.mark.parametrize(("axis", "pad_end"), [(-1, False), (0, False), (1, True)])
def test_frames_are_slices(axis, pad_end, tier):
    x = RNG.normal(size=(7, 9, 8)).astype("float32")
    found = run(lambda a: signals.frame(a, 4, 3, pad_end=pad_end, pad_value=2.0, axis=axis), x,
                tier=tier)  # fmt: skip
    moved = np.moveaxis(x, axis, -1)
    starts = range(0, moved.shape[-1] if pad_end else moved.shape[-1] - 3, 3)
    filled = np.concatenate([moved, np.full((*moved.shape[:-1], 4), 2.0, x.dtype)], -1)
    slices = np.stack([filled[..., s : s + 4] for s in starts], -2)
    place = axis % 3
    expected = np.moveaxis(slices, (-2, -1), (place, place + 1))
    np.testing.assert_array_equal(found, expected)


@both_tiers
@pytest.mark.parametrize("step", [1, 2, 3, 5, 6])
def test_overlapping_frames_are_added_up(step, tier):
    frames = RNG.normal(size=(2, 4, 5))
    found = run(lambda a: signals.overlap_and_add(a, step), frames, tier=tier)
    expected = np.zeros((2, 3 * step + 5))
    for at in range(4):
        expected[:, at * step : at * step + 5] += frames[:, at]
    close(found, expected)


@both_tiers
def test_the_short_time_transform_and_its_inverse(tier):
    x = RNG.normal(size=(2, 64)).astype("float32")
    spectra = run(lambda a: signals.stft(a, 16, 4), x, tier=tier)
    window = scipy_signal.get_window("hann", 16)
    expected = [np.fft.rfft(x[:, s : s + 16] * window) for s in range(0, 49, 4)]
    close(spectra, np.stack(expected, 1), np.complex64)

    def back(a):
        window_fn = signals.inverse_stft_window_fn(4)
        return signals.inverse_stft(a, 16, 4, window_fn=window_fn)

    found = run(back, spectra, tier=tier)
    assert found.shape == x.shape
    np.testing.assert_allclose(found[:, 12:-12], x[:, 12:-12], atol=1e-5)
    plain = run(lambda a: signals.stft(a, 10, 5, fft_length=12, window_fn=None), x, tier=tier)
    close(plain[:, 1], np.fft.rfft(x[:, 5:15], 12), np.complex64)


def test_mel_weights_are_triangles_on_the_mel_scale():
    found = run(lambda: signals.linear_to_mel_weight_matrix(8, 33, 8000, 100.0, 3500.0))

    def mel(hertz):
        return 1127.0 * np.log(1.0 + hertz / 700.0)

    edges = np.linspace(mel(100.0), mel(3500.0), 10)
    for k, hertz in enumerate(np.linspace(0, 4000, 33)):
        for b in range(8):
            low, mid, high = edges[b : b + 3]
            wanted = max(
                0.0, min((mel(hertz) - low) / (mid - low), (high - mel(hertz)) / (high - mid))
            )
            assert found[k, b] == pytest.approx(0 if k == 0 else wanted, abs=1e-6)
    with nf.Graph(), pytest.raises(AttributeProblem, match="at most half the sample rate"):
        signals.linear_to_mel_weight_matrix(upper_edge_hertz=5000.0)


def test_mfccs_are_a_scaled_cosine_transform():
    x = RNG.normal(size=(3, 10))
    found = run(signals.mfccs_from_log_mel_spectrograms, x)
    close(found, scipy_fft.dct(x, 2) / np.sqrt(20))

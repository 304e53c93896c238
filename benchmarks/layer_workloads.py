"""The arrays on which models are trained that users write with layers.

Plain numpy, so that a peer's process needs nothing of nodeflow.
"""

from __future__ import annotations

import numpy as np

Size = tuple[int, ...]
Spec = tuple[int, Size] | Size
"""Integers below a number in a shape, or normal float32 numbers in a shape; channels come last."""
RATE = 1e-3
"""Learning rate of Adam."""
WORDS, USERS, MANY = 10_000, 10_000, 100_000
INPUTS: dict[str, tuple[Spec, ...]] = {
    "autoencoder": ((32, 28, 28, 1),),
    "separable": ((32, 32, 32, 3), (10, (32,))),
    "both_ways": ((WORDS, (32, 64)), (2, (32,))),
    "u_net": ((8, 64, 64, 3), (2, (8, 64, 64))),
    "text": ((WORDS, (64, 100)), (2, (64,))),
    "variational": ((128, 784),),
    "normalized": ((128, 784), (10, (128,))),
    "volumes": ((8, 16, 32, 32, 1), (10, (8,))),
    "waves": ((16, 2048, 1), (10, (16,))),
    "patches": ((32, 32, 32, 3), (10, (32,))),
    "labels": ((WORDS, (32, 50)), (20, (32, 50))),
    "adversarial": ((64, 100), (64, 784)),
    "many_words": ((MANY, (256, 20)), (2, (256,))),
    "bottlenecks": ((16, 32, 32, 64), (10, (16,))),
    "next_word": ((2000, (20, 35)), (2000, (20, 35))),
    "lenet": ((100, 28, 28, 1), (10, (100,))),
    "alexnet": ((16, 64, 64, 3), (10, (16,))),
    "generator": ((32, 100),),
    "siamese": ((64, 28, 28, 1), (64, 28, 28, 1)),
    "curve": ((256, 20), (256, 1)),
    "grouped": ((16, 32, 32, 32), (10, (16,))),
    "upsampled": ((8, 32, 32, 16),),
    "recommended": ((USERS, (512,)), (USERS, (512,)), (512,)),
}
CASES = tuple(f"model_{name}" for name in INPUTS)


def arrays_of(case: str) -> list[np.ndarray]:
    random = np.random.default_rng(16)
    return [_array(random, spec) for spec in INPUTS[case.removeprefix("model_")]]


def _array(random: np.random.Generator, spec: Spec) -> np.ndarray:
    if len(spec) == 2 and isinstance(spec[1], tuple):
        return random.integers(0, spec[0], spec[1]).astype("int32")
    return random.standard_normal(spec).astype("float32")

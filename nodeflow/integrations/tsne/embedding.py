"""Computes t-SNE: rows that are near in all dimensions get points that are near in two."""

from __future__ import annotations

import numpy as np

PERPLEXITY = 30.0
"""The approximate number of near neighbours of each row that are kept near; scikit-learn's
default.
"""


def embed(rows: np.ndarray) -> np.ndarray:
    """Embed rows of numbers in the plane by t-SNE. Return their points (n, 2), the same at each
    call.

    Args:
        rows: float64 (n, d), at least three rows.
    """
    from sklearn.manifold import TSNE  # slow to load, so only where it is wanted

    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    return TSNE(n_components=2, perplexity=perplexity, random_state=0).fit_transform(rows)

"""Places rows so that rows which are near in all dimensions are near in two."""

from __future__ import annotations

import numpy as np

PERPLEXITY = 30.0
"""About how many neighbours a row is kept near to: the value that scikit-learn suggests."""


def embed(rows: np.ndarray) -> np.ndarray:
    """Return a point (n, 2) for each row; equal rows give the same points each time.

    Args:
        rows: float64 (n, d), three rows or more.
    """
    from sklearn.manifold import TSNE  # slow to load, so only where it is wanted

    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    return TSNE(n_components=2, perplexity=perplexity, random_state=0).fit_transform(rows)

"""Standard output of a worker process, kept for its messages."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def own_output() -> TextIO:
    """Return standard output for the caller alone. All other output goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return out

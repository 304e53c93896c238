"""`nf.app`: running a program's ``main``, as `tf.app.run` does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from nodeflow.ops.program import flags
from nodeflow.public import publish

__all__ = ["flags", "run"]


def run(
    main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None
) -> NoReturn:
    """Read the options of the command line, call ``main`` with the rest, and end the program.

    Args:
        main: takes the words of the command line that are no options; None is the program's own
            ``main``.
        argv: a command line to take instead.
    """
    rest = flags.FLAGS(sys.argv if argv is None else argv)
    function: Any = sys.modules["__main__"].main if main is None else main  # type: ignore[attr-defined]
    sys.exit(function(rest))


publish(globals(), __all__)

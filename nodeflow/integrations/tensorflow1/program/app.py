"""`tf.app`: running a program's ``main``, as `tf.app.run` does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from nodeflow.integrations.tensorflow1.program import flags
from nodeflow.public import publish

__all__ = ["flags", "run"]


def run(
    main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None
) -> NoReturn:
    """Parse the command-line options, call ``main`` with the other arguments, and exit.

    Args:
        main: a function of the arguments that are not options; None: the program's own ``main``.
        argv: another command line.
    """
    rest = flags.FLAGS(sys.argv if argv is None else argv)
    function: Any = sys.modules["__main__"].main if main is None else main  # type: ignore[attr-defined]
    sys.exit(function(rest))


publish(globals(), __all__)

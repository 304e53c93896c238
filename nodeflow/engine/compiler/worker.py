"""The process that compiles: reads kernel sources, fills the disk cache, says when it is done.

Started by `background.BackgroundCompiler` as ``python -m nodeflow.engine.compiler.worker``. One
JSON list of sources per line comes in, one line of JSON goes out: null or the error's text, and how
many kernels were compiled. It ends when its input does, so it never outlives whoever started it.
"""

from __future__ import annotations

import json
import os
import signal
import sys


def main() -> None:
    """Serve until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # nothing that prints may mix with the answers
    from nodeflow.engine.compiler.cache import compile_count, compile_to_cache

    for line in sys.stdin:
        error, before = None, compile_count()
        try:
            compile_to_cache(json.loads(line))
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
        try:
            answers.write(json.dumps([error, compile_count() - before]) + "\n")
        except BrokenPipeError:  # whoever asked is gone
            os._exit(0)


if __name__ == "__main__":
    main()

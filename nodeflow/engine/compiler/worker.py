"""The process that compiles: reads kernel sources and fills the disk cache.

Started by `background.BackgroundCompiler` as ``python -m nodeflow.engine.compiler.worker``. Each
line of its input is a JSON list of sources. It answers each with a line of JSON: null, or the index
of the source that does not compile and the error; and how many kernels it compiled. The process
ends when its input does, so it never outlives its parent.
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
        failed, before = None, compile_count()
        for index, source in enumerate(json.loads(line)):
            try:
                compile_to_cache(source)
            except Exception as error:
                failed = index, f"{type(error).__name__}: {error}"
                break
        try:
            answers.write(json.dumps([failed, compile_count() - before]) + "\n")
        except BrokenPipeError:  # the parent process has ended
            os._exit(0)


if __name__ == "__main__":
    main()

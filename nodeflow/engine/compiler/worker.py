"""The process that compiles: it reads kernel sources and fills the disk cache.

`background.BackgroundCompiler` starts it as ``python -m nodeflow.engine.compiler.worker``. Each
line of its input is a job, ``[3, [source, ...]]``. When a job is done, the process answers with
a line, ``[3, null, 12]``: the failure (the index of a source and the error) or null, and the
number of kernels compiled. The newest job comes first. The process ends when its input does, so
it never outlives its parent.

Importing the compiler takes as long as compiling some twenty kernels. So it is imported once,
and then a process is forked for each core, on systems that fork safely.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable

from nodeflow.engine.compiler.jobs import Answer, Jobs
from nodeflow.engine.cores import cores

FORKS = sys.platform == "linux"
"""Whether processes are forked. On other systems, libraries may have threads, which a fork does
not copy.
"""
MOST = 4
"""Maximum number of processes that compile. Each takes some 50 MB, and with this many the
kernels of most trainings need no noticeable time.
"""
IDLE_S = 10.0
"""Seconds without work after which a process ends, to free its memory."""

Write = Callable[[Answer], None]


def main() -> None:
    """Answer jobs until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # nothing that prints may mix with the answers
    from nodeflow.engine.compiler.compile_kernel import load_compiler

    def write(answer: Answer) -> None:
        try:
            answers.write(json.dumps([answer.job, answer.failed, answer.compiled]) + "\n")
        except BrokenPipeError:  # the parent process has ended
            os._exit(0)

    gc.disable()  # a collection of all of numba's objects would take longer than a kernel
    load_compiler()
    gc.freeze()  # keep pages that processes share
    if FORKS:
        _Forked(write).serve()
    else:
        _serve_alone(write)


def _compile(source: str) -> tuple[bool, str]:
    """Compile a kernel into the cache.

    Return whether the cache lacked it, and the error text ("" without an error).
    """
    from nodeflow.engine.compiler.cache import compile_to_cache

    try:
        return compile_to_cache(source), ""
    except Exception as error:
        return False, f"{type(error).__name__}: {error}"


def _serve_alone(write: Write) -> None:
    """Read compile jobs from standard input, compile them one after the other in this process, and
    write the answers. This is for systems where the process does not fork.
    """
    jobs = Jobs()
    for line in sys.stdin:
        answers = jobs.add(*json.loads(line))
        while not answers and (source := jobs.next()) is not None:
            answers = jobs.done(source, *_compile(source))
        for answer in answers:
            write(answer)


class _Child:
    """A forked process that compiles one source at a time.

    Attributes:
        source: the source that it compiles now; None if it waits.
    """

    def __init__(self, close_in_child: Callable[[], None]) -> None:
        ours, theirs = socket.socketpair()
        self.source: str | None = None
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            close_in_child()
            try:
                _answer_all(theirs)
            finally:
                os._exit(0)
        theirs.close()
        self.socket = ours
        self.file = ours.makefile("rw", encoding="utf-8")

    def give(self, source: str) -> None:
        self.source = source
        self.file.write(json.dumps(source) + "\n")
        self.file.flush()

    def taken(self) -> tuple[str, bool, str] | None:
        """Read one answer of the child process. Return the source that the child has compiled and
        the result of `_compile`, or None if the child has ended.
        """
        line, source, self.source = self.file.readline(), self.source, None
        return (source, *json.loads(line)) if line and source is not None else None

    def forget(self) -> None:
        """Close the parent's side of the connection."""
        with contextlib.suppress(OSError):  # unsent data
            self.file.close()
        self.socket.close()

    def close(self) -> int:
        """Close the worker process and return its exit status; a negative status is a signal's
        number.
        """
        self.forget()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _answer_all(connection: socket.socket) -> None:
    """Compile each kernel source that arrives on a connection, and answer with the result. This is
    the main loop of a forked process.
    """
    with connection.makefile("rw", encoding="utf-8") as file:
        for line in file:
            file.write(json.dumps(_compile(json.loads(line))) + "\n")
            file.flush()


class _Forked:
    """The forked processes, and the distribution of sources among them.

    Args:
        write: takes answers.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._jobs = Jobs()
        self._children: list[_Child] = []
        self._ready = selectors.DefaultSelector()
        self._ready.register(0, selectors.EVENT_READ)
        self._input = b""

    def serve(self) -> None:
        """Answer jobs until the input ends."""
        while True:
            self._give_out()
            busy = any(child.source is not None for child in self._children)
            found = self._ready.select(None if busy or not self._children else IDLE_S)
            if not found:
                while self._children:
                    self._end(self._children[0])
            for key, _ in found:
                if key.data is not None:
                    self._take(key.data)
                elif not self._read():
                    return

    def _read(self) -> bool:
        """Read compile jobs from standard input, and answer those that need no work. Return False
        at its end.
        """
        data = os.read(0, 1 << 16)
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            self._tell(self._jobs.add(*json.loads(line)))
        return bool(data)

    def _give_out(self) -> None:
        """Give kernel sources to compiling child processes, and start further children, until there
        are as many busy children as cores.
        """
        idle = [child for child in self._children if child.source is None]
        while idle or len(self._children) < min(MOST, cores()):
            source = self._jobs.next()
            if source is None:
                return
            child = idle.pop() if idle else self._begin()
            with contextlib.suppress(OSError):  # if it has ended, reading from it shows that
                child.give(source)

    def _begin(self) -> _Child:
        child = _Child(self._close_all)
        self._children.append(child)
        self._ready.register(child.socket, selectors.EVENT_READ, child)
        return child

    def _close_all(self) -> None:
        """In a forked child, close the inherited connections to the other children. Otherwise those
        would not notice when the parent closes their connections.
        """
        for other in self._children:
            other.forget()
        self._ready.close()

    def _take(self, child: _Child) -> None:
        source, found = child.source, child.taken()
        if found is not None:
            self._tell(self._jobs.done(*found))
            return
        status = self._end(child)
        if source is not None:
            error = f"the compiling process ended with status {status}"
            self._tell(self._jobs.done(source, False, error))

    def _end(self, child: _Child) -> int:
        self._ready.unregister(child.socket)
        self._children.remove(child)
        return child.close()

    def _tell(self, answers: list[Answer]) -> None:
        for answer in answers:
            self._write(answer)


if __name__ == "__main__":
    main()

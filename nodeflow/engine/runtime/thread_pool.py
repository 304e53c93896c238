"""The team of threads that runs every kernel of the process.

N ordinary Python threads enter the compiled dispatch loop without the GIL. The calling thread
dispatches and takes part. The others are woken, help as long as there are tasks, and leave (see
`work_stealing_loop`). Threads are daemons. They start at the first run that has parallel work, and
again after a fork. Only one program runs at a time in the process, because several would
compete for the same cores.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from functools import cache, lru_cache, partial

import numpy as np

from nodeflow.engine.arena import zeros_on_a_line
from nodeflow.engine.cores import cores
from nodeflow.engine.devicelib import abi
from nodeflow.engine.runtime.program import ONE_STEP, Outcome, Program, dispatch_loop

SPINS = 200_000
"""How often a thread looks for work before it yields its core: some 400 microseconds, longer
than most callers take between two runs. If another process is busy, it takes milliseconds
until the thread gets a core again.
"""
SPINS_OF_MANY = 4000
"""The value of `SPINS` if there are more threads than cores, because the awaited thread may
need this core.
"""
LINGER = 300  # times that a helper yields its core before it sleeps: about 100 microseconds
_POLL_S = 0.02  # how often a waiting caller looks for Ctrl-C

_STEP, _COUNT, _DONE, _STOP, _FAILED = abi.STEP, abi.COUNT, abi.DONE, abi.STOP, abi.FAILED

_teams: weakref.WeakSet[Team] = weakref.WeakSet()
_admission = threading.Lock()


def default_threads() -> int:
    """Return ``NODEFLOW_NUM_THREADS``, or else the number of cores that this process may use."""
    setting = os.environ.get("NODEFLOW_NUM_THREADS", "")
    if setting.isdecimal() and int(setting) > 0:
        return int(setting)
    return cores()


@cache
def shared_team(n: int) -> Team:
    """Return the process's team of ``n`` threads."""
    return Team(n)


class _Helper:
    """One helper thread. It waits until it is woken, helps the dispatcher, and waits again.

    Attributes:
        ticket: the index of the word with its ticket.
    """

    def __init__(self, follow: Callable[[], None], tid: int) -> None:
        self.ticket = abi.TICKETS + abi.TICKET_SLOTS * tid
        self._follow = follow
        self._gate = threading.Lock()
        self._gate.acquire()
        self._dismissed = False
        threading.Thread(target=self._live, name=f"nodeflow-team-{tid}", daemon=True).start()

    def wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # it has not passed the gate yet
            self._gate.release()

    def dismiss(self) -> None:
        self._dismissed = True
        self.wake()

    def _live(self) -> None:
        while True:
            self._gate.acquire()
            if self._dismissed:
                return
            self._follow()


def _dismiss(helpers: list[_Helper]) -> None:
    while helpers:
        helpers.pop().dismiss()


class Team:
    """A team of ``n`` threads: the caller and n - 1 helpers.

    Args:
        n: at least 1. With more threads than cores, results are still right but take longer.
    """

    def __init__(self, n: int) -> None:
        if n < 1:
            raise ValueError(f"a team needs at least one thread, got {n}")
        self.n = n
        self._helpers: list[_Helper] = []
        self._reset()
        _teams.add(self)
        weakref.finalize(self, _dismiss, self._helpers).atexit = False

    def _reset(self) -> None:
        """Reset the thread pool to no threads. Used at the start, and in the child process after a
        fork.
        """
        self._helpers.clear()
        self._control = zeros_on_a_line(abi.TICKETS + abi.TICKET_SLOTS * self.n)
        self._words = self._control.data  # numpy takes three times as long for one word
        self._tickets = range(abi.TICKETS, len(self._control), abi.TICKET_SLOTS)
        self._set_tickets(abi.LEAVE)
        self._control[abi.YIELD] = _yield_address()
        self._control[abi.FIND_CORE : abi.CLOCK + 1] = _linux_functions()
        self._control[abi.WHICH] = getattr(time, "CLOCK_MONOTONIC", 0)
        self._control[abi.SPINS] = SPINS if self.n <= cores() else SPINS_OF_MANY
        self._control[abi.LINGER] = LINGER
        self._program = 0
        self._entries: dict[int, Callable[[], None]] = {}

    def _set_tickets(self, value: int) -> None:
        for at in self._tickets:
            self._words[at] = value

    def run(
        self,
        program: Program,
        first_step: int = 0,
        count: int = 1,
        *,
        interruptible: bool = False,
    ) -> Outcome:
        """Run ``count`` steps of ``program``, numbered from ``first_step``.

        Return when they are done, a kernel failed, or a stop was requested. Python's signal
        handlers run only after this returns, so callers keep runs below 50 ms. If one step may
        take longer, they pass ``interruptible``. Then another thread dispatches, which takes
        some 50 us more, and Ctrl-C stops the run between two kernels and raises
        KeyboardInterrupt here.
        """
        with _admission:
            n = self.n if program.parallel else 1
            block = program.block
            if program.threads == n:  # as `prepare`, in half the time
                block[_STEP], block[_COUNT] = first_step, count
            else:
                program.prepare(first_step, count, n)
            # Write the address only if it changed, because all threads read this cache line.
            if self._program != program.address:
                self._program = self._words[abi.PROGRAM] = program.address
            dispatch = self._entries.get(n) or self._entry(0, n)
            try:
                if interruptible:
                    if n > 1:
                        self._wake_helpers(n)
                    _dispatcher().run(self._entry(abi.AT_ONCE, n), program)
                else:
                    dispatch()
                    if block[_DONE] == abi.ABSENT:
                        self._wake_helpers(n)
                        self._entry(abi.AT_ONCE, n)()
            except BaseException:
                self._set_tickets(abi.LEAVE)
                raise
            if block[_DONE] == 1 and not block[_STOP] and not block[_FAILED]:
                return ONE_STEP
            return program.outcome()

    def close(self) -> None:
        """End the helper threads. The next run starts new ones."""
        with _admission:
            _dismiss(self._helpers)

    def _wake_helpers(self, n: int) -> None:
        while len(self._helpers) < n - 1:
            tid = len(self._helpers) + 1
            self._helpers.append(_Helper(self._entry(tid, self.n), tid))
        words = self._words
        for helper in self._helpers:
            # There is no task yet. A helper that comes before the dispatcher must wait and not
            # leave.
            words[helper.ticket] = abi.EMPTY
            if not words[helper.ticket + abi.PRESENT]:
                helper.wake()

    def _entry(self, tid: int, n: int) -> Callable[[], None]:
        """Return a function without arguments that runs the dispatch loop on one thread, with its
        own scratch memory.
        """
        key = (tid << 32) + n
        if key not in self._entries:
            self._entries[key] = _entry_call(self._control, tid, n)
        return self._entries[key]


def _entry_call(control: np.ndarray, tid: int, n: int) -> Callable[[], None]:
    """Return a call of the dispatch loop whose ctypes arguments are already converted, which
    halves its time.

    Each further argument takes 50 ns, so arguments that the loop does not read are left out.
    """
    entry = ctypes.CFUNCTYPE(None)(dispatch_loop().address)
    words = ctypes.c_int64.from_buffer(control)  # type: ignore[arg-type]
    scratch = (ctypes.c_int64 * 5)(0, 0, ctypes.addressof(words), tid, n)
    call = partial(entry, *(ctypes.byref(scratch, 8 * at) for at in range(3)))
    vars(call)["keeps"] = words
    return call


class _Dispatcher:
    """The thread that dispatches while the caller stays open to signals. The process has one.

    A new thread for each run would often start on the core of a spinning helper, and share that
    core for half of a short run. For a product of 1024 x 1024 matrices this takes 1.4 times as
    long.
    """

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()
        self._work: tuple[Callable[[], None], threading.Lock] | None = None
        threading.Thread(target=self._live, name="nodeflow-dispatcher", daemon=True).start()

    def run(self, dispatch: Callable[[], None], program: Program) -> None:
        """Run the dispatch loop on another thread, and wait for its end in this thread. If an
        interrupt such as Ctrl-C arrives, stop the program, then raise the interrupt.
        """
        finished = threading.Lock()
        finished.acquire()
        self._work = dispatch, finished
        self._gate.release()
        interrupt: BaseException | None = None
        while True:
            try:
                if finished.acquire(timeout=_POLL_S):
                    break
            except BaseException as error:  # Ctrl-C, or a handler that raises: stop, then raise it
                interrupt = interrupt or error
                program.stop(now=True)
        if interrupt is not None:
            program.outcome()  # forget the stop
            raise interrupt

    def _live(self) -> None:
        while True:
            self._gate.acquire()
            if self._work is not None:
                dispatch, finished = self._work
                self._work = None
                try:
                    dispatch()
                finally:
                    del dispatch  # it keeps a team's words alive
                    finished.release()


@lru_cache(maxsize=1)
def _dispatcher() -> _Dispatcher:
    """Return the process-wide dispatcher. Only the run that is admitted at the moment may use
    it.
    """
    return _Dispatcher()


@lru_cache(maxsize=1)
def _yield_address() -> int:
    """Return the address of the operating system's function that yields the processor to another
    thread.
    """
    if os.name == "nt":
        function = ctypes.windll.kernel32.SwitchToThread  # type: ignore[attr-defined]
    else:
        function = ctypes.CDLL(None).sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@lru_cache(maxsize=1)
def _linux_functions() -> list[int]:
    """Return the addresses of the C functions that threads need to find busy processor cores, in
    the order of the control block.

    They are zero on systems other than Linux, whose schedulers were not measured.
    """
    names = ("sched_getcpu", "sched_getaffinity", "sched_setaffinity", "clock_gettime")
    if not sys.platform.startswith("linux"):
        return [0] * len(names)
    library = ctypes.CDLL(None)
    return [ctypes.cast(library[name], ctypes.c_void_p).value or 0 for name in names]


def _after_fork() -> None:
    """Reset the thread pools in a forked child process, because fork copies none of the parent's
    threads.
    """
    global _admission
    _admission = threading.Lock()
    _dispatcher.cache_clear()
    for team in list(_teams):
        team._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

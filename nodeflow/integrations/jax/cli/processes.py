"""Starts the processes of a training on this machine, and reports how they ended.

``--processes N`` starts N processes here. ``--coordinator`` starts one process on this host,
for a training on several hosts. The processes are children of the command, which computes
nothing itself. So the command can report why a process was killed, end the others, and name the
checkpoint to resume from.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import IO, TextIO

from nodeflow.cli.environment import INTERRUPTED, PROBLEM, Environment
from nodeflow.cli.option_values import ArgumentProblem
from nodeflow.cli.several_processes import Launcher
from nodeflow.host.child_process import die_with_starter, end_with_input
from nodeflow.integrations.jax.parallel.errors import PeerLost, ProcessesProblem
from nodeflow.integrations.jax.parallel.peers import (
    CONNECT_SECONDS,
    Peers,
    Place,
    connect,
    disconnect,
)
from nodeflow.start_process import start_process
from nodeflow.train.interrupts import STOPPING
from nodeflow.train.resume.resuming import has_checkpoint

LOG_LEVEL, QUIET = "TF_CPP_MIN_LOG_LEVEL", "3"
"""Environment variable and value that silence the messages of JAX's native code."""
PLACE = "NODEFLOW_PROCESS"
"""Environment variable with the place of a process, in the form ``index/number@host:port``."""
PROGRAM = (sys.executable, "-m", "nodeflow")
HERE = "127.0.0.1"
QUIET_SECONDS = 5.0
"""Seconds that a process waits for the others before it prints a message."""
GRACE_SECONDS = 10.0
"""Seconds that the other processes get to end by themselves after one has failed."""
LAST_WORDS = 5
"""Number of last lines of standard error to report from a process whose output is hidden."""


# ---- options and places -------------------------------------------------------------------------


class JaxLauncher:
    """The launcher of a training's processes on this machine, which also connects them."""

    def start(self, arguments: argparse.Namespace, environment: Environment) -> int | None:
        """Train in the processes that the options ask for, and return the exit code.

        Return None if there is only one process, and inside each of several started processes.

        Raises:
            ArgumentProblem: an option is missing, or contradicts another.
            ProcessesProblem: the processes cannot train together here.
        """
        if place_of_this_process() is not None or not (places := asked_for(arguments)):
            return None
        checkpoints = arguments.checkpoint or arguments.resume
        return supervise(places, arguments.words, environment, checkpoints)

    def joined(self, environment: Environment) -> AbstractContextManager[Peers | None]:
        """Yield the processes that train together, if this process is one of several."""
        return joined(place_of_this_process(), environment)

    def words(self, arguments: argparse.Namespace) -> list[str]:
        """Return the options with which a resumed training starts: ``--processes N``, or none for
        several hosts.

        Several hosts have to be started by hand again.
        """
        return [] if arguments.processes is None else ["--processes", str(arguments.processes)]


LAUNCHER: Launcher = JaxLauncher()


def place_of_this_process() -> Place | None:
    """Return the index of this process among the processes that train together, with their number
    and address.

    Return None in the process of the command that the user started.
    """
    written = os.environ.get(PLACE)
    if written is None:
        return None
    counted, _, address = written.partition("@")
    index, number = counted.split("/")
    return Place(address, int(number), int(index))


def asked_for(arguments: argparse.Namespace) -> list[Place]:
    """Read from the command line how many processes to start, and where. Return an empty list if
    the command trains without further processes.

    Raises:
        ArgumentProblem: an option is missing, or contradicts another.
        ProcessesProblem: the processes cannot train together here.
    """
    here, others = arguments.processes, ("coordinator", "num_processes", "process_id")
    given = [name for name in others if getattr(arguments, name) is not None]
    if here is None and not given:
        return []
    if here is not None and given:
        raise ArgumentProblem(
            f"--processes starts all processes on this machine, and {_option(given[0])} is for "
            "several hosts",
            hint="Give one or the other.",
        )
    if given and len(given) < len(others):
        missing = next(name for name in others if name not in given)
        raise ArgumentProblem(
            f"{_option(given[0])} needs {_option(missing)}",
            hint="On each host: --coordinator HOST:PORT --num-processes N --process-id I.",
        )
    number = here or arguments.num_processes
    if number > 1 or given:
        if arguments.backend != "jax":
            raise ArgumentProblem(
                "only JAX trains with several processes", hint="Give --backend jax, too."
            )
        if sys.platform == "win32":
            raise ProcessesProblem(
                "several processes train together on Linux and macOS only",
                hint="On Windows, train with one process.",
            )
        for option in ("profile", "explain"):
            if getattr(arguments, option):
                raise ArgumentProblem(f"--{option} looks at a training by one process")
    if given:
        return [Place(arguments.coordinator, number, arguments.process_id)]
    if number == 1:
        return []
    address = f"{HERE}:{_free_port()}"
    return [Place(address, number, index) for index in range(number)]


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return probe.getsockname()[1]


# ---- in a process -------------------------------------------------------------------------------


@contextmanager
def joined(place: Place | None, environment: Environment) -> Iterator[Peers | None]:
    """Yield the processes that train together, if this process is one of several.

    This process ends when the command that started it ends. It leaves the others once all are
    done. If it fails, it does not wait for them.
    """
    if place is None:
        yield None
        return
    die_with_starter()
    threading.Thread(target=end_with_input, daemon=True, name="nodeflow-starter").start()
    _share_processors(place)
    _keep_from_native_code(environment)
    waits = (
        f"nodeflow: process {place.index} of {place.number} waits for the others at "
        f"{place.address}, {CONNECT_SECONDS} seconds at most"
    )
    patience = threading.Timer(QUIET_SECONDS, environment.message, (waits,))
    patience.daemon = True
    patience.start()
    try:
        try:
            peers = connect(place)
        finally:
            patience.cancel()
        yield peers
    except BaseException as error:
        code = INTERRUPTED if isinstance(error, KeyboardInterrupt) else PROBLEM
        atexit.register(_leave_at_once, code)  # before JAX waits for the others, which may be gone
        raise
    disconnect()


def _leave_at_once(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _keep_from_native_code(environment: Environment) -> None:
    """Discard the output of native code on standard error, but keep nodeflow's own messages.

    When JAX ends a process, it prints a long report, although the command explains the end
    anyway. ``TF_CPP_MIN_LOG_LEVEL=0`` shows that report.
    """
    if os.environ.get(LOG_LEVEL) != QUIET or environment.stderr is not sys.stderr:
        return
    own = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    environment.stderr = sys.stderr = own
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)


def _share_processors(place: Place) -> None:
    """Restrict this process to its share of processors, if all processes run on this machine.

    Otherwise each process would start a thread for every processor. Do nothing if there are
    fewer processors than processes.
    """
    if not place.address.startswith(f"{HERE}:") or not hasattr(os, "sched_setaffinity"):
        return
    mine = sorted(os.sched_getaffinity(0))
    share = len(mine) // place.number
    if share:
        os.sched_setaffinity(0, mine[place.index * share : (place.index + 1) * share])


# ---- in the command -----------------------------------------------------------------------------


@dataclass
class _Worker:
    """A worker process and the last lines of its hidden output."""

    place: Place
    process: subprocess.Popen[bytes]
    said: deque[bytes]
    shown: bool
    readers: list[threading.Thread] = field(default_factory=list)

    @property
    def title(self) -> str:
        return f"process {self.place.index} of {self.place.number}"

    @property
    def ended_badly(self) -> bool:
        return self.process.poll() not in (None, 0, INTERRUPTED)

    def ending(self) -> str:
        """Describe how the process ended."""
        code = self.process.returncode
        if code == -signal.SIGABRT:
            return "was ended by JAX, because another process did not connect or did not answer"
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"was ended by the signal {signal.Signals(-code).name}"
            return f"was ended by the signal {-code}"
        return f"ended with exit code {code}"


def supervise(
    places: Sequence[Place],
    words: Sequence[str],
    environment: Environment,
    checkpoints: str | None,
) -> int:
    """Run a training in several processes until all have ended. Return the exit code.

    Signals that end a training are forwarded to the first process of this machine, which ends
    all processes after the same step. A second signal kills them at once.

    Args:
        words: the command line, after the program's name.
        checkpoints: folder of checkpoints as the user gave it, or None.
    """
    workers: list[_Worker] = []
    try:
        with _forwarded(workers) as (signals, deliver):  # Ctrl-C may come before any process runs
            for place in places:
                workers.append(_start(place, words, environment, place is places[0]))
                deliver()
            first = _wait(workers)
            if first is not None:
                first = _cause(workers, first)
    finally:
        for worker in workers:
            if worker.process.poll() is None:
                worker.process.kill()
            worker.process.wait()
            if worker.process.stdin:
                worker.process.stdin.close()
            for reader in worker.readers:
                reader.join(GRACE_SECONDS)
    if len(signals) > 1:
        environment.message("nodeflow: interrupted")
        return INTERRUPTED
    if first is None:
        return max(worker.process.returncode for worker in workers)
    _explain(first, words, environment, checkpoints)
    return PROBLEM


def _start(place: Place, words: Sequence[str], environment: Environment, shown: bool) -> _Worker:
    variables = {
        **os.environ,
        PLACE: f"{place.index}/{place.number}@{place.address}",
        LOG_LEVEL: os.environ.get(LOG_LEVEL, QUIET),
    }
    process = start_process(
        [*PROGRAM, *words],
        stdin=subprocess.PIPE,
        stdout=_stream(environment.stdout) if shown else subprocess.DEVNULL,
        stderr=_stream(environment.stderr) if shown else subprocess.PIPE,
        env=variables,
        cwd=environment.folder,
        start_new_session=True,  # Ctrl-C is for the command, which passes it on
    )
    worker = _Worker(place, process, deque(maxlen=LAST_WORDS), shown)
    for pipe, stream in (
        (process.stdout, environment.stdout),
        (process.stderr, environment.stderr),
    ):
        if pipe is not None:
            arguments = (pipe, worker.said, stream if shown else None)
            worker.readers.append(threading.Thread(target=_read, args=arguments, daemon=True))
            worker.readers[-1].start()
    return worker


def _stream(stream: TextIO) -> int:
    """Return the value to pass to `subprocess` as the output of a child process: the stream's file
    number, or PIPE if it has none.
    """
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return subprocess.PIPE


def _read(pipe: IO[bytes], said: deque[bytes], stream: TextIO | None) -> None:
    """Read a pipe line by line. Keep its last lines in ``said``, and write all lines to the stream,
    if there is one.
    """
    for line in pipe:
        said.append(line)
        if stream is not None:
            stream.write(line.decode(errors="replace"))


@contextmanager
def _forwarded(
    workers: Sequence[_Worker],
) -> Iterator[tuple[list[int], Callable[[], None]]]:
    """Forward signals that end a training to the first process. On a second signal, kill all
    processes.

    Yield the received signals, and a function that delivers signals that came before a process
    started.
    """
    came: list[int] = []
    delivered = 0

    def deliver() -> None:
        nonlocal delivered
        while workers and delivered < len(came):
            number = came[delivered]
            delivered += 1
            for worker in workers if delivered > 1 else workers[:1]:
                with contextlib.suppress(ProcessLookupError):
                    worker.process.send_signal(signal.SIGKILL if delivered > 1 else number)

    if threading.current_thread() is not threading.main_thread():
        yield came, deliver
        return

    def forward(number: int, _: object) -> None:
        came.append(number)
        deliver()

    previous = {number: signal.signal(number, forward) for number in STOPPING}
    try:
        yield came, deliver
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _wait(workers: Sequence[_Worker]) -> _Worker | None:
    """Wait for the processes. Return the first process that failed, or None."""
    while True:
        for worker in workers:
            if worker.ended_badly:
                return worker
        if all(worker.process.poll() is not None for worker in workers):
            return None
        time.sleep(0.05)


def _cause(workers: Sequence[_Worker], first: _Worker) -> _Worker:
    """Return the process that caused the failure, and not one that failed because another was gone.

    The other processes get some time to notice.
    """
    until = time.monotonic() + (
        0.0 if first is workers[0] and first.process.returncode == PROBLEM else GRACE_SECONDS
    )
    while time.monotonic() < until and any(w.process.poll() is None for w in workers):
        time.sleep(0.05)
    return min((w for w in workers if w.ended_badly), key=_is_consequence)


def _is_consequence(worker: _Worker) -> int:
    """Return how likely a process failed because of another one: 0 for not at all."""
    code = worker.process.returncode
    if code in (PeerLost.exit_code, -signal.SIGABRT):
        return 2 if code < 0 else 3
    return 0 if code < 0 else 1


def _explain(
    worker: _Worker, words: Sequence[str], environment: Environment, checkpoints: str | None
) -> None:
    """Report what happened, and how to continue the training."""
    code = worker.process.returncode
    # Other processes have reported the error themselves.
    if not worker.shown or code not in (PROBLEM, PeerLost.exit_code):
        environment.message(
            f"nodeflow: {worker.title} {worker.ending()}, so the training has ended"
        )
    for line in () if worker.shown or code < 0 else worker.said:
        environment.message(f"  {line.decode(errors='replace').rstrip()}")
    its_own = worker.shown and code == PROBLEM
    if not its_own and checkpoints is not None and has_checkpoint(environment.path(checkpoints)):
        again = shlex.join(["nodeflow", *without_resume(words), "--resume", checkpoints])
        environment.message(f"nodeflow: the last checkpoint is kept; to resume: {again}")


def without_resume(words: Sequence[str]) -> list[str]:
    """Return a command line without the options that resume and store checkpoints."""
    kept: list[str] = []
    skip = False
    for word in words:
        name = word.partition("=")[0]
        if not skip and name not in ("--resume", "--checkpoint"):
            kept.append(word)
        skip = not skip and word in ("--resume", "--checkpoint")
    return kept

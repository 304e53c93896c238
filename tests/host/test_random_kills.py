"""The engine process may die, fail or be stopped at any moment: a typed answer, and nothing left.

20 random kills in ``make test``, 2 000 in ``make test-nightly`` (`tests/volumes.py`).
"""

from __future__ import annotations

import os
import queue
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.errors import EngineDied
from nodeflow.host import protocol as p
from nodeflow.host.engine_client import EngineClient
from tests.volumes import is_nightly, volume

from .conftest import Talk
from .documents import expression, regression

KILLS = volume("kills of an engine")
SHARED_MEMORY = Path("/dev/shm")
LIMIT_S = 1.0 if is_nightly() else 10.0
"""Until the caller knows. The promise is a second; beside other tests there is more room."""


def children(pid: int) -> set[int]:
    """Processes that have this one as parent, their own children too."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(folder.name)] = int(fields[1])
    found: set[int] = set()
    while more := {c for c, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def running(pids: set[int]) -> set[int]:
    """Those that are still there and no zombies."""
    alive = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if state not in "ZX":
            alive.add(pid)
    return alive


def segments() -> set[str]:
    return {f.name for f in SHARED_MEMORY.iterdir()} if SHARED_MEMORY.exists() else set()


def own(names: set[str]) -> set[str]:
    """Shared memory as Python and nodeflow name it; other programs have theirs."""
    return {n for n in names if n.startswith(("psm_", "nodeflow", "sem.mp-"))}


def sockets() -> set[str]:
    """Files of the connections that this process listens at."""
    temporary = Path(tempfile.gettempdir())
    return {str(f) for f in temporary.glob("pymp-*/listener-*") if f"-{os.getpid()}-" in f.name}


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def long_training() -> Document:
    document = regression()
    commands.set_training(document, epochs=10_000_000)
    return document


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@pytest.mark.sample(1)
@needs_proc
@pytest.mark.parametrize("number", range(KILLS))
def test_killed_at_any_moment(number: int, record_property) -> None:
    """From before it is up until well into a training: told at once, and the next one works."""
    moments = random.Random(number)
    wait = moments.choice([0.0, 0.05, 0.3, 0.7, 1.2]) + moments.random() * 0.4
    before, talk_sockets = segments(), sockets()
    talk = Talk()
    pid = talk.client.pid
    assert pid is not None
    document = long_training() if moments.random() < 0.7 else expression()
    talk.sync(document)
    talk.send(p.Train(1) if document.training.get("optimizer") else p.Evaluate(0, 1))
    time.sleep(wait)
    family = {pid} | children(pid)
    started = time.monotonic()
    talk.client.kill()
    died = last(talk.inbox, p.Died)
    took = time.monotonic() - started
    record_property("reported_after_s", took)
    assert took < LIMIT_S
    assert died.exit_code not in (0, None)
    with pytest.raises(EngineDied):
        talk.send(p.Evaluate(0, 2))
    talk.client.close()
    assert eventually(lambda: not running(family)), "a process is left"
    assert not own(segments() - before), "shared memory is left"
    assert not sockets() - talk_sockets, "a socket is left"
    if number % 5 == 0:
        check_that_the_next_works()


def last(inbox: queue.Queue, kind: type) -> p.Died:
    """The next message of this kind, whatever was on its way before it."""
    while not isinstance(message := inbox.get(timeout=30), kind):
        pass
    return message


def check_that_the_next_works() -> None:
    talk = Talk()
    document = expression()
    talk.sync(document)
    talk.send(p.Evaluate(document.revision, 1))
    assert talk.wait_for(p.Previews).values["a"].text == "9"
    talk.client.close()


# ---- failures in a process that lives on ------------------------------------------------------


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    talking = Talk()
    yield talking
    talking.client.close()


def hungry() -> Document:
    """4 TiB in one tensor, which no machine gives."""
    document = Document()
    commands.add_node(
        document, "fill", (0, 0), name="huge", attrs={"shape": [1 << 20, 1 << 20], "value": 1.0}
    )
    return document


def failing() -> Document:
    """A whole number divided by zero."""
    document = Document()
    seven = commands.add_node(
        document, "constant", (0, 0), name="seven", attrs={"dtype": "int32", "value": 7}
    )
    zero = commands.add_node(
        document, "constant", (0, 1), name="zero", attrs={"dtype": "int32", "value": 0}
    )
    divided = commands.add_node(document, "floor_divide", (1, 0), name="divided")
    commands.connect(document, seven, "out", divided, "x")
    commands.connect(document, zero, "out", divided, "y")
    return document


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("make", "name", "kind", "words"),
    [
        (hungry, "huge", "OverBudget", "4.4 TB: press Run to compute"),
        (failing, "divided", "RunError", "zero"),
    ],
)
def test_a_run_that_cannot_be_done_is_told_by_name(
    limited: Talk, make: Callable[[], Document], name: str, kind: str, words: str
) -> None:
    limited.wait_for(p.Ready)
    limited.sync(make())
    limited.send(p.FetchTensor(name, 7))
    failed = limited.wait_for(p.Failed)
    assert failed.request == 7 and failed.error.kind == kind
    assert failed.error.node == name and words in failed.error.message
    document = expression()
    limited.sync(document)
    limited.send(p.Evaluate(document.revision, 8))
    assert limited.wait_for(p.Previews).values["a"].text == "9"


@pytest.mark.thorough
def test_a_fetch_is_cancelled_in_the_middle(limited: Talk) -> None:
    document = slow()
    limited.sync(document)
    limited.wait_for(p.Ready)
    limited.send(p.FetchTensor("last", 7))
    time.sleep(1.0)
    started = time.monotonic()
    limited.send(p.Stop())
    failed = limited.wait_for(p.Failed)
    assert time.monotonic() - started < 10
    assert (failed.request, failed.error.kind) == (7, "Cancelled")
    limited.send(p.FetchTensor("first", 8))
    assert limited.wait_for(p.TensorValue).array.shape == (1500, 1500)


def slow() -> Document:
    """Many seconds of matrix products, each about a tenth."""
    document = Document()
    start = commands.add_node(
        document, "fill", (0, 0), name="first", attrs={"shape": [1500, 1500], "value": 0.0}
    )
    at = start
    for k in range(400):
        name = "last" if k == 399 else f"m{k}"
        product = commands.add_node(document, "matmul", (k, 0), name=name)
        commands.connect(document, at, "out", product, "x")
        commands.connect(document, start, "out", product, "y")
        at = product
    return document


@pytest.mark.thorough
def test_the_client_can_be_closed_before_the_process_is_up() -> None:
    messages: queue.Queue = queue.Queue()
    client = EngineClient(messages.put)
    client.start()
    pid = client.pid
    client.close()
    assert pid is not None and eventually(lambda: not running({pid}))
    with pytest.raises(queue.Empty):
        while True:
            assert not isinstance(messages.get(timeout=0.2), p.Died)

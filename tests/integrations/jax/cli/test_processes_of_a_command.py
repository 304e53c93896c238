"""``nodeflow train --processes``: what is refused, and how the command watches its processes.

The processes here are small programs; `test_many_processes.py` has real ones.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nodeflow.cli.environment import Environment
from nodeflow.integrations.jax.cli import processes
from nodeflow.integrations.jax.cli.processes import (
    PLACE,
    place_of_this_process,
    supervise,
    without_resume,
)
from nodeflow.integrations.jax.parallel.peers import Place
from nodeflow.resources import example

FILE = example("spirals.flow")
JAX = ("--backend", "jax")
SEVERAL = ("--coordinator", "a:1", "--num-processes", 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--processes", 2), "only JAX trains with several processes. Give --backend jax, too."),
        ((*JAX, "--processes", 2, "--process-id", 0), "--processes starts all processes on this "
         "machine, and --process-id is for several hosts"),
        ((*JAX, "--coordinator", "a:1"), "--coordinator needs --num-processes"),
        ((*JAX, *SEVERAL), "--coordinator needs --process-id"),
        ((*JAX, "--process-id", 0), "--process-id needs --coordinator"),
        ((*JAX, *SEVERAL, "--process-id", 2), "there is no process 2 of 2"),
        ((*JAX, "--coordinator", "a", "--num-processes", 2, "--process-id", 0),
         "expected an address like host:port, not 'a'"),
        ((*JAX, "--processes", 2, "--explain"), "--explain looks at a training by one process"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_anything_starts(nodeflow, options, said):
    result = nodeflow("train", FILE, *options)
    assert result.code == 1
    assert said in result.err
    assert result.out == ""


def test_a_number_of_processes_is_at_least_one(nodeflow):
    result = nodeflow("train", FILE, *JAX, "--processes", 0)
    assert result.code == 2
    assert "must be at least 1" in result.err


def test_windows_is_told_apart(nodeflow, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    result = nodeflow("train", FILE, *JAX, "--processes", 2)
    assert result.code == 1
    assert "several processes train together on Linux and macOS only" in result.err
    assert "On Windows, train with one process." in result.err


def test_a_process_knows_its_place(monkeypatch):
    assert place_of_this_process() is None
    monkeypatch.setenv(PLACE, "1/4@host.example:1234")
    place = place_of_this_process()
    assert place is not None
    assert (place.index, place.number, place.address) == (1, 4, "host.example:1234")


def test_the_command_that_goes_on_names_the_folder_once():
    words = [
        "train",
        "f.flow",
        "--checkpoint",
        "a",
        "--epochs",
        "3",
        "--resume=b",
        "--processes",
        "2",
    ]
    assert without_resume(words) == ["train", "f.flow", "--epochs", "3", "--processes", "2"]


def test_a_process_says_whom_it_waits_for(monkeypatch):
    peers, environment = object(), Environment(io.StringIO(), io.StringIO())

    def connect(place):
        while not environment.stderr.getvalue():
            time.sleep(0.01)
        return peers

    monkeypatch.setattr(processes, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(processes, "connect", connect)
    monkeypatch.setattr(processes, "disconnect", lambda: None)
    for name in ("die_with_starter", "end_with_input", "_share_processors"):
        monkeypatch.setattr(processes, name, lambda *_: None)
    with processes.joined(Place("there:1", 4, 2), environment) as found:
        assert found is peers
    assert environment.stderr.getvalue() == (
        "nodeflow: process 2 of 4 waits for the others at there:1, 60 seconds at most\n"
    )


# ---- watching -----------------------------------------------------------------------------------

BEGINNING = f"""
import os, signal, sys, time
index, number = os.environ["{PLACE}"].split("@")[0].split("/")
def wait():
    time.sleep(60)
"""


@pytest.fixture
def watch(monkeypatch, tmp_path):
    """Call as ``watch(program, number)``: the exit code and what is shown."""

    def call(program: str, number: int = 3, checkpoints: str | None = None):
        monkeypatch.setattr(processes, "PROGRAM", (sys.executable, "-c", BEGINNING + program))
        monkeypatch.setattr(processes, "GRACE_SECONDS", 0.3)
        environment = Environment(io.StringIO(), io.StringIO(), tmp_path)
        places = [Place("127.0.0.1:1", number, i) for i in range(number)]
        code = supervise(places, ["train", "a.flow"], environment, checkpoints)
        return code, environment.stdout.getvalue(), environment.stderr.getvalue()

    return call


def test_only_the_first_process_is_heard(watch):
    code, out, errors = watch("print('from', index); print('note', index, file=sys.stderr)")
    assert (code, out, errors) == (0, "from 0\n", "note 0\n")


@pytest.mark.thorough
def test_a_process_that_is_killed_is_named_and_the_others_end(watch):
    code, _, errors = watch("os.kill(os.getpid(), signal.SIGKILL) if index == '2' else wait()")
    assert code == 1
    assert errors == (
        "nodeflow: process 2 of 3 was ended by the signal SIGKILL, so the training has ended\n"
    )


def test_the_end_that_jax_makes_is_said_in_words(watch):
    code, _, errors = watch("os.abort() if index == '0' else wait()")
    assert code == 1
    assert errors == (
        "nodeflow: process 0 of 3 was ended by JAX, because another process did not connect or did "
        "not answer, so the training has ended\n"
    )


def test_who_is_aborted_since_another_one_is_gone_is_not_the_cause(watch):
    program = """
if index == "1":
    open("gone", "w").close()
    sys.exit(1)
while not os.path.exists("gone"):
    time.sleep(0.01)
os.abort()
"""
    code, _, errors = watch(program)
    assert code == 1
    assert errors == (
        "nodeflow: process 1 of 3 ended with exit code 1, so the training has ended\n"
    )


@pytest.mark.thorough
def test_the_last_words_of_a_process_that_nobody_hears_are_shown(watch):
    code, _, errors = watch("sys.exit('nodeflow: not enough memory') if index == '1' else wait()")
    assert code == 1
    assert errors == (
        "nodeflow: process 1 of 3 ended with exit code 1, so the training has ended\n"
        "  nodeflow: not enough memory\n"
    )


def test_what_the_first_process_says_is_said_once(watch):
    code, _, errors = watch("sys.exit('nodeflow: there is no file a.flow')")
    assert code == 1
    assert errors == "nodeflow: there is no file a.flow\n"


@pytest.mark.thorough
def test_who_ends_since_another_one_is_gone_is_not_the_cause(watch):
    code, _, errors = watch("sys.exit(3) if index != '2' else (time.sleep(0.2), sys.exit(1))")
    assert code == 1
    assert "process 2 of 3 ended with exit code 1" in errors
    assert "process 0" not in errors and "process 1" not in errors


@pytest.mark.thorough
def test_a_checkpoint_is_named_only_where_one_is(watch, tmp_path):
    (tmp_path / "states").mkdir()
    killed = "os.kill(os.getpid(), signal.SIGKILL) if index == '1' else wait()"
    assert "to resume" not in watch(killed, checkpoints="states")[2]


@pytest.mark.thorough
@pytest.mark.parametrize("late", [0.0, 0.4], ids=["all run", "others start later"])
def test_a_signal_reaches_the_first_process_whose_exit_code_counts(
    watch, tmp_path, monkeypatch, late
):
    start = processes._start

    def started(place, *rest):
        time.sleep(late if place.index else 0)
        return start(place, *rest)

    monkeypatch.setattr(processes, "_start", started)
    program = """
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
open(index, "w").close()
wait() if index == "0" else None
"""

    def interrupt():
        while not (tmp_path / "0").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    code, _, errors = watch(program)
    thread.join()
    assert (code, errors) == (130, "")


def test_a_second_signal_ends_all_at_once(watch, tmp_path):
    program = """
signal.signal(signal.SIGINT, lambda *_: open("heard", "w").close())
open(index, "w").close()
wait()
"""

    def interrupt():
        for wanted in ("0", "heard"):
            while not (tmp_path / wanted).exists():
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    code, _, errors = watch(program)
    thread.join()
    assert (code, errors) == (130, "nodeflow: interrupted\n")


CHILD = """
import os
from nodeflow.host.child_process import end_with_input
open("pid", "w").write(str(os.getpid()))
os.rename("pid", "there")
end_with_input()
"""
COMMAND = """
import sys
from nodeflow.integrations.jax.cli import processes
from nodeflow.cli.environment import Environment
from nodeflow.integrations.jax.parallel.peers import Place
processes.PROGRAM = (sys.executable, "-c", sys.argv[1])
processes.supervise([Place("a:1", 1, 0)], [], Environment(), None)
"""


@pytest.mark.thorough
def test_processes_end_with_the_command_that_is_killed(tmp_path):
    """It can end nobody then: they see that their input ends."""
    command = subprocess.Popen([sys.executable, "-c", COMMAND, CHILD], cwd=tmp_path)
    there = tmp_path / "there"
    while not there.exists():
        assert command.poll() is None
        time.sleep(0.02)
    command.kill()
    command.wait()
    child, until = int(there.read_text()), time.monotonic() + 30
    while alive(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(child)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"

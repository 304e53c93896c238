"""Two and four processes, two hosts, a process that is killed: what takes minutes.

``NODEFLOW_NIGHTLY=1``. The two hosts are network namespaces where the user may make some, with a
cable between them; elsewhere they are two addresses of this machine, and the test's name says so.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

pytest.importorskip("jax")  # an extra

from tests.integrations.jax.processes import ROOT, SECONDS, assert_together, together
from tests.integrations.jax.shared_training import MODELS, trained

pytestmark = pytest.mark.skipif(
    not os.environ.get("NODEFLOW_NIGHTLY"), reason="NODEFLOW_NIGHTLY is not set"
)


@pytest.mark.parametrize("number", [2, 4])
@pytest.mark.parametrize("model", MODELS)
def test_processes_train_as_one_does(model, number, tmp_path):
    found = together(model, 20, number, tmp_path)
    assert_together(found, trained(model, 20), 20)


# ---- two hosts ----------------------------------------------------------------------------------

HOSTS = {"nodeflow-a": "10.77.0.1", "nodeflow-b": "10.77.0.2"}


def may_make_namespaces() -> bool:
    if shutil.which("ip") is None or os.geteuid() != 0:
        return False
    made = subprocess.run(["ip", "netns", "add", "nodeflow-try"], capture_output=True)
    subprocess.run(["ip", "netns", "del", "nodeflow-try"], capture_output=True)
    return made.returncode == 0


@pytest.fixture
def two_hosts() -> Iterator[list[list[str]]]:
    """The words that enter each of two namespaces, which are connected by a cable."""

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    folders = [Path("/etc/netns") / name for name in HOSTS]
    try:
        for name in HOSTS:
            ip("netns", "add", name)
        first, second = HOSTS
        ip("link", "add", "to-b", "type", "veth", "peer", "name", "to-a")
        for name, cable in ((first, "to-b"), (second, "to-a")):
            ip("link", "set", cable, "netns", name)
            ip("-n", name, "addr", "add", f"{HOSTS[name]}/24", "dev", cable)
            ip("-n", name, "link", "set", cable, "up")
            ip("-n", name, "link", "set", "lo", "up")
        for folder, address in zip(folders, HOSTS.values(), strict=True):
            folder.mkdir(parents=True)
            own = f"127.0.0.1 localhost\n{address} {socket.gethostname()}\n"
            (folder / "hosts").write_text(own)
        yield [["ip", "netns", "exec", name] for name in HOSTS]
    finally:
        for name in HOSTS:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.skipif(not may_make_namespaces(), reason="the user may not make network namespaces")
def test_two_network_namespaces_are_two_hosts(two_hosts, tmp_path):
    host = HOSTS["nodeflow-a"]
    found = together("convolution", 20, 2, tmp_path, two_hosts, host)
    assert_together(found, trained("convolution", 20), 20)


def test_two_addresses_of_this_machine_meet(tmp_path):
    found = together("dense", 20, 2, tmp_path, host="127.0.0.2")
    assert_together(found, trained("dense", 20), 20)


# ---- the command --------------------------------------------------------------------------------


def command(*words: str, **options) -> subprocess.Popen:  # type: ignore[no-untyped-def, type-arg]
    return subprocess.Popen(
        [sys.executable, "-m", "nodeflow", "train", "examples/mnist.flow", "--backend", "jax",
         "--set", "training.batch_size=96", "--no-run", *words],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def finished(process: subprocess.Popen) -> tuple[int, str, str]:  # type: ignore[type-arg]
    out, errors = process.communicate(timeout=SECONDS)
    return process.returncode, out, errors


def children(process: subprocess.Popen) -> list[int]:  # type: ignore[type-arg]
    """The processes of a command, in the order in which they were started."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return sorted(map(int, listed.split()))


def wait_for(path: Path, process: subprocess.Popen) -> None:  # type: ignore[type-arg]
    until = time.monotonic() + SECONDS
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_process_that_is_killed_ends_the_run_in_words(which, tmp_path):
    folder = tmp_path / "states"
    process = command(
        "--processes", "3", "--epochs", "500", "--checkpoint", str(folder), "--every", "10"
    )
    wait_for(folder / "step-30", process)
    all_of_them = children(process)
    os.kill(all_of_them[which], signal.SIGKILL)
    code, _, errors = finished(process)
    assert code == 1
    assert f"process {which} of 3 was ended by the signal SIGKILL" in errors
    assert "Traceback" not in errors
    assert f"--processes 3 --epochs 500 --every 10 --resume {folder}" in errors
    assert not any(Path(f"/proc/{child}").exists() for child in all_of_them)
    again = command("--processes", "2", "--epochs", "1", "--resume", str(folder))
    code, _, errors = finished(again)
    assert code == 0, errors
    assert "2 processes share the rows of a batch now, not 3" in errors


def test_ctrl_c_ends_all_processes_after_one_step(tmp_path):
    folder = tmp_path / "states"
    process = command(
        "--processes", "2", "--epochs", "500", "--checkpoint", str(folder), "--every", "10"
    )
    wait_for(folder / "step-10", process)
    process.send_signal(signal.SIGINT)
    code, out, errors = finished(process)
    assert code == 130
    assert "stopped after" in out
    assert "--processes 2 --resume" in errors


def test_another_number_of_processes_goes_on_within_rounding(tmp_path):
    """Two epochs by one process; one epoch by three, and one more by two."""
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    folder = tmp_path / "states"
    slowly = ("--set", "train.learning_rate=0.01")  # else a bit of rounding grows too fast
    assert finished(command(*slowly, "--epochs", "2", "--save-weights", str(whole)))[0] == 0
    first = command(*slowly, "--processes", "3", "--epochs", "1", "--checkpoint", str(folder))
    assert finished(first)[0] == 0
    more = ("--processes", "2", "--epochs", "2", "--resume", str(folder))
    code, _, errors = finished(command(*slowly, *more, "--save-weights", str(parts)))
    assert code == 0, errors
    one, other = load_file(whole), load_file(parts)
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_allclose(other[name], array, rtol=1e-5, atol=1e-5, err_msg=name)

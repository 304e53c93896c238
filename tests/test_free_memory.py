"""Memory that was freed goes back to the system, where that does not do it itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nodeflow import free_memory

CHILD = """
import re
from nodeflow.free_memory import give_back

def held():
    with open("/proc/self/status") as file:
        return int(re.search(r"VmRSS:\\s+(\\d+)", file.read())[1]) >> 10

many = [bytes(1000) for _ in range(100_000)]
last = [bytes(1000) for _ in range(10)]  # above them, so that the heap cannot shrink
full = held()
del many
gave = give_back()
print(gave, full - held())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_what_is_free_below_what_is_used_goes_back():
    command = [sys.executable, "-c", CHILD]
    environment = {"PYTHONMALLOC": "malloc", "PYTHONPATH": ":".join(sys.path)}
    child = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    gave, megabytes = child.stdout.split()
    assert gave == str(free_memory.give_back())
    if gave == "True":
        assert int(megabytes) > 80


def test_a_system_without_the_function_is_left_alone(monkeypatch):
    monkeypatch.setattr(free_memory.ctypes, "CDLL", lambda _: object())
    free_memory._trim.cache_clear()
    try:
        assert free_memory.give_back() is False
    finally:
        free_memory._trim.cache_clear()

"""Memory that was freed goes back to the system, where that does not do it itself."""

from __future__ import annotations

import os
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


@pytest.mark.thorough
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


LLVM = """
import llvmlite.binding as llvm
from nodeflow.free_memory import give_back_code

def file_pages():
    return sum(int(line.split()[1]) for line in open("/proc/self/status") if "RssFile" in line)

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()

def seven():
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
    module = llvm.parse_assembly("define i32 @seven() { ret i32 7 }")
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    import ctypes
    return ctypes.CFUNCTYPE(ctypes.c_int32)(engine.get_function_address("seven"))()

first = seven()
before = file_pages()
given = give_back_code("libllvmlite")
print(given >> 10, before - file_pages(), first, seven())
"""


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_code_that_was_given_back_still_runs():
    command = [sys.executable, "-c", LLVM]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    child = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    given, gone, *values = map(int, child.stdout.split())
    assert values == [7, 7]
    assert given > 20 << 10
    assert given // 2 < gone <= given + 1024  # reading what is resident takes some pages itself


def test_a_library_that_is_not_loaded_has_nothing_to_give_back():
    assert free_memory.give_back_code("libdoes_not_exist") == 0


LOADS = """
import re, sys, time
from pathlib import Path
from nodeflow.engine.compiler import cache
from nodeflow.engine.compiler.object_code import rest_between_loads
from nodeflow.engine.kernels.base_kernels import base_sources

def resident():
    text = Path("/proc/self/smaps").read_text()
    found = re.findall("libllvmlite[^-]*?Private_Clean: +([0-9]+)", text)
    found += re.findall("libllvmlite[^-]*?Shared_Clean: +([0-9]+)", text)
    return sum(map(int, found)) >> 10

rest_between_loads()
for source in base_sources()[:2]:
    cache.load_kernel(source)
    loaded = resident()
    end = time.monotonic() + 60
    while (rests := resident()) > loaded // 2 and time.monotonic() < end:
        time.sleep(0.05)
    print(loaded, rests)
"""


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_llvm_rests_after_each_kernel_that_was_loaded():
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-c", LOADS]
    child = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    sizes = [tuple(map(int, line.split())) for line in child.stdout.splitlines()]
    assert len(sizes) == 2 and sizes[0][0] >= 10, sizes
    assert all(rests <= loaded // 2 < loaded for loaded, rests in sizes), sizes

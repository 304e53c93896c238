"""Parsing, exit codes, and the commands that only tell."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nodeflow.cli.definition.all_commands import COMMAND_NAMES
from nodeflow.cli.main import main
from nodeflow.resources import example, examples


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("data", "fetch", "--help")])
def test_help_is_printed(nodeflow, arguments):
    result = nodeflow(*arguments)
    assert result.code == 0 and "usage: nodeflow" in result.out


def test_help_lists_every_command(nodeflow):
    out = nodeflow("--help").out
    assert all(name in out for name in COMMAND_NAMES)


@pytest.mark.parametrize(
    "arguments",
    [("run",), ("run", "x.flow", "--wrong"), ("train", "x.flow", "--epochs", "0"), ("data",),
     ("train", example("spirals.flow"), "--epo", "3"),
     ("train", "x.flow", "--epochs", "many"), ("run", "x.flow", "--tier", "fast"), ("a", "b"),
     ("run", example("expression.flow"), "--feed", "b"),
     ("run", example("expression.flow"), "--set", "b.value")],
)  # fmt: skip
def test_wrong_syntax_is_exit_code_two(nodeflow, arguments):
    result = nodeflow(*arguments)
    assert result.code == 2 and result.err


def test_a_window_without_a_display_is_a_message(nodeflow, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    result = nodeflow(example("expression.flow"))
    assert result.code == 1
    assert "no display" in result.err and "DISPLAY" in result.err


def test_an_unknown_command_suggests_a_near_one(nodeflow):
    result = nodeflow("trian")
    assert result.code == 1 and "Did you mean train?" in result.err


def test_version_is_the_installed_one(nodeflow):
    from importlib.metadata import version

    assert nodeflow("--version").out == f"nodeflow {version('nodeflow-studio')}\n"


@pytest.mark.thorough
def test_python_dash_m_runs_the_same(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "nodeflow", "run", str(example("expression.flow")), "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (result.returncode, result.stdout) == (0, '{"fetches": {"a": 9.0}}\n')


def test_interrupting_is_exit_code_130(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("nodeflow.cli.commands.computation.run.run", interrupt)
    assert main(["run", "x.flow"]) == 130


@pytest.mark.thorough
def test_every_example_is_without_problems(nodeflow):
    result = nodeflow("check", *examples())
    assert result.code == 0, result.out
    assert result.out.count("no problems") == len(examples()) >= 7


def test_ops_lists_every_category_and_describes_one(nodeflow):
    listing = nodeflow("ops").out
    assert "matmul" in listing and "placeholder" in listing and "dataset" in listing
    described = nodeflow("ops", "reduce_sum")
    assert described.code == 0
    for word in ("axis", "keepdims", "float32", "Inputs", "Attributes"):
        assert word in described.out
    assert nodeflow("ops", "reduce_sum", "--json").json[0]["id"] == "reduce_sum"


def test_the_op_reference_claims_no_dtype_for_what_an_op_gives(nodeflow):
    """An output's dtype follows from the inputs: a convolution of floats gives no bools."""
    text = nodeflow("ops", "conv2d").out
    assert "x: float32, float64" in text
    assert "bool" not in text.split("Outputs")[1].split("Attributes")[0]


def test_an_unknown_op_suggests_near_ones(nodeflow):
    result = nodeflow("ops", "matmull")
    assert result.code == 1 and "Did you mean matmul?" in result.err


def test_data_list_and_where(nodeflow, tmp_path):
    assert all(s in nodeflow("data", "list").out for s in ("mnist", "csv:PATH", "spirals"))
    assert "embedded" in nodeflow("data", "where").out
    missing = nodeflow("data", "where", "--data-dir", tmp_path)
    assert missing.code == 1 and "t10k-images" in missing.err


def test_fetching_something_unknown_is_a_message(nodeflow):
    result = nodeflow("data", "fetch", "mnits")
    assert result.code == 1 and "Did you mean mnist?" in result.err


def test_fetching_from_a_dead_mirror_is_a_message(nodeflow, tmp_path):
    result = nodeflow(
        "data", "fetch", "mnist", "--data-dir", tmp_path, "--mirror", "http://127.0.0.1:9/"
    )
    assert result.code == 1 and "127.0.0.1:9" in result.err and "Traceback" not in result.err


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("setting", "threads", "said"),
    [("3", 3, "3"), ("0", None, "ignored"), ("many", None, "ignored")],
)
def test_the_environment_sets_the_number_of_threads(nodeflow, monkeypatch, setting, threads, said):
    monkeypatch.setenv("NODEFLOW_NUM_THREADS", setting)
    engine = nodeflow("doctor", "--json").json["engine"]
    assert engine["threads"] == (threads or _cores())
    assert said in engine["NODEFLOW_NUM_THREADS"]
    bench = ("bench", example("expression_array.flow"), "--seconds", "0.01", "--json")
    assert nodeflow(*bench).json["threads"] == engine["threads"]
    assert nodeflow(*bench, "--threads", "2").json["threads"] == 2, "an option says more"


@pytest.mark.thorough
def test_doctor_tells_what_a_bug_report_needs(nodeflow):
    result = nodeflow("doctor", "--json")
    facts = result.json
    assert facts["versions"]["numba"] and facts["engine"]["threads"] >= 1
    assert {"versions", "machine", "engine", "data", "runs", "display"} == facts.keys()
    assert "numpy" in nodeflow("doctor").out


@pytest.mark.thorough
def test_doctor_sets_names_and_values_apart(nodeflow):
    lines = nodeflow("doctor").out.splitlines()
    rows = [line for line in lines if line.startswith("  ")]
    assert any(line.split() == ["NODEFLOW_NUM_THREADS", "not", "set"] for line in rows)
    assert len({line.index(line.split("  ")[-1].lstrip(), 3) for line in rows if "  " in line}) == 1


def test_check_reports_weights_that_are_missing_or_damaged(nodeflow, tmp_path):
    text = example("regression.flow").read_text()
    (tmp_path / "a.flow").write_text(text.replace('"weights": null', '"weights": "w.safetensors"'))
    missing = nodeflow("check", tmp_path / "a.flow")
    assert missing.code == 0, "a run starts from initial values"
    assert "warning: weights" in missing.out or "w.safetensors is missing" in missing.out
    (tmp_path / "w.safetensors").write_bytes(b"nothing")
    damaged = nodeflow("check", tmp_path / "a.flow", "--json")
    assert damaged.code == 1
    assert [p["severity"] for p in damaged.json[0]["problems"]] == ["error"]


def test_a_file_that_cannot_be_read_is_named_once(nodeflow, tmp_path):
    cut = tmp_path / "cut.flow"
    cut.write_text('{"format": "nodeflow"')
    result = nodeflow("check", cut)
    assert result.code == 1
    assert result.out.count("cut.flow") == 1 and "ends too early" in result.out


def _cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def test_the_ways_to_prepare_pictures_are_those_that_exist():
    """The help lists them without importing the readers of data."""
    from nodeflow.cli.definition.options import PREPARE
    from nodeflow.data.pictures.digit_preparation import WAYS

    assert PREPARE.settings["choices"] == tuple(WAYS)

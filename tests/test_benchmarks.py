"""What benchmarks say of their own cases."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import nodeflow as nf

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - before:
        origin = getattr(sys.modules[name], "__file__", None) or ""
        if Path(origin).parent == FOLDER:
            del sys.modules[name]


@pytest.mark.thorough
def test_a_model_costs_what_its_products_do(module):
    models, limits = module("model_workloads"), module("limits")
    (a, b), spent = models.factors("matmul_tall_float64"), limits.cost("matmul_tall_float64")
    assert spent.flops == 2 * a.shape[0] * a.shape[1] * b.shape[1]
    assert spent.bytes == a.nbytes + b.nbytes + 8 * a.shape[0] * b.shape[1]
    dense = models.DEEP_MLPS["deep_mlp_small"]
    weights = sum(w.size for name, w in dense.weights().items() if "bias" not in name)
    first = dense.weights()["0"].size  # its input needs no gradient
    assert dense.flops() == 2 * dense.rows * (3 * weights - first)


def test_the_slower_of_two_limits_counts(module):
    limits, copied = module("limits").Limits(), module("limits").COPIED
    assert limits.us("elem") is None, "nothing is measured"
    limits.copies, limits.flops = dict.fromkeys(copied, 10000.0), {"float32": 100e3}
    assert limits.us("elem") == 48e6 / 10e3
    limits.learn("matmul_1024_float32", 2 * 1024**3 / 200e3)
    assert limits.flops["float32"] == pytest.approx(200e3)
    assert limits.us("matmul_1024_float32") == pytest.approx(2 * 1024**3 / 200e3)


@pytest.mark.thorough
def test_every_case_but_chain_has_a_limit(module):
    engine, limits = module("engine"), module("limits")
    cases = engine.COMPARED
    assert [c for c in cases if limits.cost(c) is None] == ["chain"]
    assert len(set(cases)) == len(cases) > 100


def test_cases_are_chosen_by_beginnings(module):
    engine = module("engine")
    names = ["mnist", "mnist_10", "infer_mlp_1", "infer_cnn_1", "inferior"]
    assert engine.chosen(None, names) == names
    assert engine.chosen(["mnist"], names) == ["mnist"]
    assert engine.chosen(["infer"], names) == ["infer_mlp_1", "infer_cnn_1"]
    assert engine.chosen(["other"], names) == []


def test_a_ratio_is_of_the_rounds(module):
    turns = module("turns")

    def worker(*medians: float) -> object:
        made = object.__new__(turns.Worker)
        made.times = {"case": [[99.0], *([m] for m in medians)]}
        return made

    ours, slow, fast = worker(2, 20, 3), worker(9, 90, 9), worker(4, 10, 6)
    assert turns.ratio("case", ours, [slow, fast]) == 0.5
    assert np.isclose(turns.ratio("case", ours, [slow]), 2 / 9)


@pytest.mark.thorough
def test_a_pinned_process_compiles_nothing_wider(module):
    pinning = module("pinning")
    assert pinning.environment(None) == {}
    features = pinning.environment("avx2")["NUMBA_CPU_FEATURES"].split(",")
    assert not any(f.startswith(("+avx512", "+avx10", "+amx")) for f in features)
    held_back = pinning.environment("avx2")["NPY_DISABLE_CPU_FEATURES"].split()
    assert "X86_V3" not in held_back and all(
        name == "X86_V4" or name.startswith("AVX512") for name in held_back
    )


@pytest.mark.thorough
def test_what_the_shell_pins_is_not_measured(module, monkeypatch):
    pinning = module("pinning")
    for name in {*pinning.PINS, *pinning.environment("avx2")}:
        monkeypatch.setenv(name, "something else")  # and is what it was afterwards
    pinning.apply(None)
    assert not os.environ.keys() & set(pinning.PINS)
    os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"
    pinning.apply("avx2")
    for name, value in pinning.environment("avx2").items():
        assert os.environ[name] == value


def test_who_cannot_be_pinned_gets_no_ratio(module):
    pinning = module("pinning")
    assert pinning.unpinned(None, products=True) == ()
    assert "jaxscan" in pinning.unpinned("avx2", products=True)
    assert pinning.unpinned("avx2", products=False) == ("onnxruntime",)


# ---- the page -----------------------------------------------------------------------------------


def a_row(case: str, **ratios: float) -> dict:
    return {
        "case": case,
        "median_us": 10.0,
        "best_us": 9.0,
        "of_limit": 2.0,
        "load": 0.5,
        "peers_us": dict.fromkeys(ratios, 20.0) | {"onnxruntime": 5.0},
        "ratios": ratios,
        "ratios_of_best": {k: v / 2 for k, v in ratios.items()},
    }


def test_a_target_is_met_by_its_ratio_or_by_the_limit(module):
    report = module("report")
    row = a_row("wide", best_stepwise=0.904, torch=0.9)
    assert report.verdict(row, None) is True, "ratios count as they are shown"
    assert report.verdict(a_row("wide", best_stepwise=0.906), None) is False
    assert report.verdict({**a_row("wide", best_stepwise=2.0), "of_limit": 1.15}, None) is True
    assert report.verdict(a_row("wide", onnxruntime=0.1), None) is None, "nobody to compare with"
    assert report.verdict(a_row("deep_mlp_small", best_stepwise=9.0), None) is None, "no target"


def test_equal_is_met_within_what_two_runs_differ_by(module):
    report = module("report")
    assert report.verdict(a_row("matmul_64_float32", best_stepwise=1.03), None) is True
    assert report.verdict(a_row("matmul_64_float32", best_stepwise=1.04), None) is False


def test_every_target_of_a_case_counts(module):
    report = module("report")
    assert report.verdict(a_row("mnist_10", best_stepwise=0.4, jaxscan=0.95), None) is False
    assert report.verdict(a_row("mnist_10", best_stepwise=0.4, jaxscan=0.90), None) is True
    chain = a_row("chain", jax=0.19)
    assert report.verdict(chain, None) is True
    assert report.verdict({**chain, "ratios_of_best": {"jax": 0.52}}, None) is False
    cnn = a_row("cnn", torch=0.5, tensorflow=0.8)
    assert (report.verdict(cnn, None), report.verdict(cnn, "avx2")) == (True, False)


def test_families_with_targets_are_families_of_cases(module):
    targets, engine = module("targets"), module("engine")
    names = engine.COMPARED
    for family in targets._FAMILIES:
        assert any(name.startswith(f"{family}_") for name in names), family
    assert targets._SINGLE.keys() <= set(names)


def results(cpu: str | None, *rows: dict, load: int = 0) -> str:
    about = {"processor": "a processor, second cache 512K", "cpu": cpu, "rounds": 9, "load": load,
             "isa": "AVX2", "clock": "wall", "command": "python benchmarks/engine.py"}  # fmt: skip
    return "\n".join(json.dumps(line) for line in (about, *rows)) + "\n| a | table |\n"


def test_results_are_written_between_the_comments_of_their_run(module, tmp_path):
    report = module("report")
    page, first, second = (tmp_path / name for name in ("page.md", "first", "second"))
    page.write_text(
        f"above\n\n{report.marker(None)}\nold\n{report.END}\n\nbetween\n\n"
        f"{report.marker('avx2')}\nkept\n{report.END}\nbelow\n"
    )
    speedup = {"2": 1.9, "8": 5.0, "32": 9.0}
    scaling = {"case": "scaling", "what": "mnist", "work_us": 100.0, "critical_path_us": 11.0,
               "levels": 4, "shared_levels": 3, "speedup": speedup}  # fmt: skip
    local = [{"case": "planning", "nodes": 100000, "seconds": 2.6},
             {"case": "memory", "what": "128 products", "unplanned_mb": 90, "planned_mb": 8},
             {"case": "memory", "what": "growth", "mb": 1.5}]  # fmt: skip
    first.write_text(results(None, a_row("wide", best_stepwise=1.17), *local, scaling))
    second.write_text(results(None, a_row("wide", best_stepwise=1.1, torch=0.7)))
    report.write(page, report.read_runs([first, second]))
    text = page.read_text()
    assert text.startswith("above\n") and text.endswith("below\n")
    assert "old" not in text and "kept" in text and "second cache 512K" in text
    assert "Missed: `wide` 1.10 of the best" in text, "the later file counts"
    assert "| `wide` | 10.0 | 2.00 | 0.70 (0.35) | 5.0 us | 0.90 of the best | no |" in text
    assert "| planning 100000 nodes | 2.6 s | 2.5 | no |" in text
    assert "| 128 products | 8 MB, 90 MB unplanned |  |  |" in text
    assert "| growth | 1.5 MB |  |  |" in text
    assert "| `mnist` | 100 | 11.0 | 4 | 3 | 1.9 | 5.0 | 9.0 |" in text


def test_beside_busy_processes_the_best_peer_is_the_target(module, tmp_path):
    """Limits do not count there; those of a run without load keep their own section."""
    report = module("report")
    page, quiet, loaded = (tmp_path / name for name in ("page.md", "quiet", "loaded"))
    page.write_text(
        f"{report.marker(None)}\nold\n{report.END}\n{report.marker(None, 2)}\nold\n{report.END}\n"
    )
    quiet.write_text(results(None, a_row("wide", best_stepwise=0.95)))
    rows = [
        {**a_row("wide", best_stepwise=1.03), "of_limit": 9.0},
        {**a_row("mnist_1", best_stepwise=0.1, jaxscan=1.04), "of_limit": 1.0},
        a_row("infer_mlp_1", best_stepwise=0.9, onnxruntime=1.04),
        a_row("infer_lstm_1", best_stepwise=0.9, onnxruntime=1.29),
    ]
    loaded.write_text(results(None, *rows, load=2))
    report.write(page, report.read_runs([quiet, loaded]))
    alone, beside = page.read_text().split(report.marker(None, 2))
    assert "0.90 of the best | no |" in alone
    assert "2 of 4 cases with a target meet it." in beside
    assert (
        "Missed: `mnist_1` 1.04 of JAX's scan (1.00); `infer_mlp_1` 1.04 of onnxruntime" in beside
    )
    lstm = "| `infer_lstm_1` | 10.0 | 1.29 (0.65) | 1.00 of the best, 1.30 of onnxruntime | yes |"
    assert lstm in beside
    assert "old" not in beside and "of the limit" in alone and "of the limit" not in beside


def test_the_limit_is_that_of_the_whole_run(module):
    """A product that comes later may be the fastest of all; who has no ratio does not count."""
    report = module("report")
    product = 2.0 * 1024**3
    copies = {str(size): 1e6 for size in module("limits").COPIED}
    rows = [
        {"limits": {"gflops": {"float32": 100.0}, "copy_gb_per_s": copies}},
        {"case": "matmul_2048_float32", "median_us": 8 * product / 1e5, "of_limit": 1.0},
        {
            "case": "matmul_1024_float32",
            "median_us": product / 1e5,
            "of_limit": 1.0,
            "peers_us": {"torch": product / 2e5, "jax": product / 4e5},
            "ratios": {"torch": 2.0},
        },
    ]
    run = report.Run()
    run.add(rows)
    assert [row["of_limit"] for row in run.rows.values()] == [2.0, 2.0]
    assert run.limits["gflops"] == {"float32": 200.0}


def test_a_page_without_a_place_is_refused(module, tmp_path):
    report = module("report")
    page, lines = tmp_path / "page.md", tmp_path / "lines"
    page.write_text("nothing\n")
    lines.write_text(results("avx2", a_row("wide", best_stepwise=1.0)))
    with pytest.raises(SystemExit, match="no section"):
        report.write(page, report.read_runs([lines]))
    lines.write_text("{}\n")
    with pytest.raises(SystemExit, match="no output of"):
        report.read_runs([lines])


def test_the_page_about_performance_has_a_place_for_each_section(module):
    report = module("report")
    text = (FOLDER.parent / "docs" / "performance_details.md").read_text(encoding="utf-8")
    runs = [(None, 0), ("avx2", 0), (None, 1), (None, 2)]
    markers = [*(report.marker(*run) for run in runs), module("tiers").MARKER]
    assert [text.count(marker) for marker in markers] == [1] * 5
    assert text.count(report.END) == len(markers)


# ---- more cores ---------------------------------------------------------------------------------


def test_tasks_are_taken_in_order_by_whoever_is_free(module):
    scaling = module("scaling")
    levels = [[4.0, 1.0, 1.0, 2.0], [3.0]]
    assert scaling.work(levels) == 11.0
    assert scaling.critical_path(levels) == 7.0
    assert scaling.makespan(levels, 1) == 11.0
    assert scaling.makespan(levels, 2) == 4.0 + 3.0
    assert scaling.makespan([[1.0, 1.0, 1.0]], 2) == 2.0
    assert scaling.makespan(levels, 32) == 7.0


def test_the_calls_of_a_profile_are_not_work(module):
    scaling = module("scaling")
    levels = [[5.0, 3.0], [4.0]]
    assert scaling.without_calls(levels, 6.0) == [[3.0, 1.0], [2.0]]
    assert scaling.without_calls(levels, 20.0) == levels
    assert scaling.quickest([levels, [[4.0, 9.0], [1.0]]]) == [[4.0, 3.0], [1.0]]


def test_levels_of_a_profile(module):
    scaling = module("scaling")
    with nf.Graph() as g:
        x = nf.placeholder("float32", [512, 64])
        h = nf.tanh(x @ nf.constant(np.ones((64, 32), "float32")) + 1)
        total = nf.reduce_sum(h * 2)
    with nf.Session(g, tier="compiled", threads=1) as session:
        _, trace = session.profile(total, {x: np.ones((512, 64), "float32")})
    levels = scaling.levels_of(trace)
    events = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    assert scaling.work(levels) == pytest.approx(sum(e["dur"] for e in events))
    assert len(levels) >= 1 and max(map(len, levels)) > 1
    chained = {(e["args"]["level"], e["args"]["taken"]) for e in events}
    assert sum(map(len, levels)) == len(chained) < len(events), "tanh goes on with the product"


@pytest.mark.thorough
def test_kernels_compile_for_arm_into_vectors(module):
    """Nothing here runs on ARM, so that they compile for it is what can be known."""
    arm = module("arm")
    file = str(FOLDER.parent / "examples" / "lstm.flow")
    command = [sys.executable, str(FOLDER / "arm.py"), "--inside", file]
    done = subprocess.run(
        command, env=arm.environment(), capture_output=True, text=True, check=True, timeout=300
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) > 10 and [one["error"] for one in found if one["error"]] == []
    assert sum(one["vector fma"] for one in found) > 3 * sum(one["scalar fma"] for one in found)
    products = [one for one in found if "memory/steps/matmul" in one["nodes"]]
    assert products and sum(one["vector fma"] for one in products)
    assert sum(one["vectors on the stack"] for one in products) == 0


def a_comparison(case: str, ratio: float, of_processor_time: float) -> dict:
    return {"case": case, "compiled_s": 2.0, "auto_s": 2.0 * ratio, "ratio": ratio,
            "compiled_cpu_s": 1.0, "auto_cpu_s": of_processor_time,
            "ratio_of_processor_time": of_processor_time}  # fmt: skip


def test_tiers_are_compared_by_the_clock_where_the_machine_is_idle(module):
    table = module("tiers").table
    rows = [a_comparison("one", 1.2, 0.9), a_comparison("two", 1.1, 1.3)]
    idle, busy = table(rows, [], 0.2, 1), table(rows, ["three"], 4.0, 3)
    assert "| one | 2.00 | 2.40 | 1.20 | 1.00 | 0.90 | 0.90 | no |" in idle
    assert "| two | 2.00 | 2.20 | 1.10 | 1.00 | 1.30 | 1.30 | yes |" in idle
    assert idle.count("| yes |") == busy.count("| yes |") == 1
    assert "| 0.90 | yes |" in busy
    assert "1 of 2 cases" in busy and "no time for: three" in busy and "no time" not in idle


def test_every_example_is_a_case_of_the_tiers(module):
    from nodeflow.resources import example

    shipped = {path.stem for path in Path(example("mnist")).parent.glob("*.flow")}
    assert set(module("tiers").EXAMPLES) == shipped


def test_the_tiers_have_a_section_of_the_page(module, tmp_path):
    tiers, report = module("tiers"), module("report")
    page = tmp_path / "performance.md"
    page.write_text((FOLDER.parent / "docs" / "performance_details.md").read_text())
    report.write_section(page, tiers.MARKER, "a table")
    assert f"{tiers.MARKER}\na table\n{report.END}" in page.read_text()
    with pytest.raises(SystemExit, match="no section"):
        report.write_section(page, "<!-- another -->", "a table")


@pytest.mark.thorough
def test_every_single_op_is_computed_of_its_arrays(module):
    workloads, ops = module("op_workloads"), module("nodeflow_ops")
    assert set(ops.FORMULAS) == set(workloads.OTHERS)
    for case in ("op_take_along", "op_fft", "op_group_normalization_gradient", "op_acosh"):
        (found,) = ops.prepare(case, 1).first()
        assert found.size and np.isfinite(found).all()


@pytest.mark.thorough
def test_every_model_of_layers_trains_on_its_arrays(module):
    workloads, layers = module("layer_workloads"), module("nodeflow_layers")
    assert set(layers.MODELS) == set(workloads.INPUTS)
    for case, weights in (("model_curve", 20 * 64 + 3 * 64**2 + 64), ("model_lenet", 61_470)):
        work = layers.prepare(case, 1)
        assert work.first() == [weights, True]
        lost = [work.again()[1] for _ in range(20)]
        assert lost[-1] < lost[0]

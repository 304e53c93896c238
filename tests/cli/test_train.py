"""``nodeflow train``: events, seeds, weights, interruption."""

from __future__ import annotations

import json
import os
import signal
import time

import numpy as np
import pytest

from nodeflow.cli.commands.training.train import from_options
from nodeflow.cli.definition.all_commands import build_parser
from nodeflow.cli.option_values import parse_setting
from nodeflow.resources import example
from nodeflow.train.saving.weights import load_weights
from nodeflow.train.settings import TrainingSettings, declared

SPIRALS = example("spirals.flow")
LINEAR = example("linear_regression.flow")


@pytest.mark.thorough
def test_an_object_an_epoch_and_one_at_the_end(nodeflow):
    result = nodeflow("train", SPIRALS, "--epochs", "3", "--json")
    assert result.code == 0, result.err
    *epochs, done = result.lines
    assert [e["event"] for e in result.lines] == ["epoch"] * 3 + ["done"]
    assert [e["epoch"] for e in epochs] == [1, 2, 3]
    assert epochs[0].keys() == {"event", "epoch", "loss", "metrics", "steps", "seconds"}
    assert done.keys() == {"event", "epochs", "metrics", "steps_per_second", "seconds"}
    assert done["epochs"] == 3 and done["metrics"] == epochs[-1]["metrics"]
    assert epochs[2]["steps"] == 3 * epochs[0]["steps"]


@pytest.mark.thorough
def test_the_same_seed_gives_the_same_losses_and_another_does_not(nodeflow):
    def losses(seed):
        lines = nodeflow("train", SPIRALS, "--epochs", "2", "--seed", seed, "--json").lines
        return [line["loss"] for line in lines[:-1]]

    assert losses(3) == losses(3)
    assert losses(3) != losses(4)


@pytest.mark.thorough
def test_people_get_a_line_an_epoch(nodeflow):
    result = nodeflow("train", LINEAR, "--epochs", "2")
    lines = result.out.splitlines()
    assert lines[0].startswith("epoch 1  loss ") and lines[1].startswith("epoch 2  loss ")
    assert lines[2].startswith("done after 2 epochs")


@pytest.mark.thorough
def test_weights_are_saved_and_used_by_run(nodeflow, tmp_path):
    document = json.loads(LINEAR.read_text())
    document["weights"] = "w.safetensors"
    (tmp_path / "linear.flow").write_text(json.dumps(document))
    missing = nodeflow("run", tmp_path / "linear.flow", "--json")
    assert missing.code == 0 and "w.safetensors are missing" in missing.err
    trained = nodeflow(
        "train", tmp_path / "linear.flow", "--init", "--save-weights", "w.safetensors", "--json"
    )
    assert trained.code == 0, trained.err
    weights = load_weights(tmp_path / "w.safetensors")
    values = sorted(round(float(np.squeeze(v)), 1) for v in weights.values())
    assert values == [-1.0, 2.0]  # the data is y = 2 x - 1 with noise
    used = nodeflow("run", tmp_path / "linear.flow", "--json")
    fresh = nodeflow("run", tmp_path / "linear.flow", "--init", "--json")
    assert used.code == fresh.code == 0 and used.json != fresh.json


def test_weights_that_cannot_be_saved_are_told_before_training(nodeflow, tmp_path):
    result = nodeflow("train", SPIRALS, "--save-weights", tmp_path / "nowhere" / "w.safetensors")
    assert result.code == 1 and "cannot write" in result.err
    assert "epoch" not in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--batch-size", "100000"), ("batch", "100000")),
        (("--dataset", "mnits"), ("mnits", "Did you mean mnist?")),
        (("--dataset", "csv:gone.csv"), ("gone.csv",)),
        (("--dataset", "mnist"), ()),
    ],
)
def test_data_that_does_not_fit_is_a_message(nodeflow, arguments, words):
    result = nodeflow("train", SPIRALS, *arguments)
    assert result.code == 1
    assert all(word in result.err for word in words) and "Traceback" not in result.err


def test_a_graph_without_an_optimizer_says_what_to_add(nodeflow):
    result = nodeflow("train", example("expression.flow"))
    assert result.code == 1 and "gradient_descent" in result.err


def test_a_data_folder_without_the_files_names_them(nodeflow, tmp_path):
    result = nodeflow("train", example("mnist.flow"), "--data-dir", tmp_path)
    assert result.code == 1 and "t10k-images" in result.err


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="sends a Unix signal")
def test_ctrl_c_keeps_the_weights_when_asked_to(endless_training, tmp_path):
    process = endless_training("--save-weights", "w.safetensors")
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert json.loads(out.splitlines()[-1])["event"] == "done"
    assert load_weights(tmp_path / "w.safetensors")
    assert time.monotonic() - started < 10


@pytest.mark.thorough
def test_early_stopping_says_when_and_why(nodeflow):
    options = ("--epochs", "60", "--patience", "2", "--monitor", "test/accuracy")
    *epochs, done = nodeflow("train", SPIRALS, *options, "--json").lines
    assert done["stopped_early"] == "test accuracy has not improved for 2 epochs"
    assert len(epochs) == done["epochs"] == done["best_epoch"] + 2 < 60
    assert done["metrics"] == epochs[done["best_epoch"] - 1]["metrics"]
    text = nodeflow("train", SPIRALS, *options).out
    last, best = len(epochs), done["best_epoch"]
    ending = f"stopped after epoch {last}: {done['stopped_early']}; weights of epoch {best}\n"
    assert ending in text


@pytest.mark.thorough
def test_early_stopping_watches_the_validation_loss_unless_told(nodeflow):
    options = ("--patience", "1", "--set", "training.min_change=1000")
    *epochs, done = nodeflow("train", SPIRALS, *options, "--json").lines
    assert done["stopped_early"].startswith("validation loss has not improved by more than 1000")
    assert len(epochs) == 2 and epochs[0]["metrics"].keys() == {"accuracy", "validation/loss"}


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (("--monitor", "test/acuracy"), 1, "Did you mean accuracy"),
        (("--monitor", "probabilities"), 1, "no node"),
        (("--patience", "0"), 2, "at least 1"),
        (("--use-averages",), 1, "average_decay"),
        (("--set", "training.min_change=-1"), 1, "at least 0, got -1"),
        (("--set", 'training.monitor={"node": "loss", "goal": "up"}'), 1, "min or max"),
    ],
)
def test_what_cannot_be_watched_is_a_message(nodeflow, arguments, code, words):
    result = nodeflow("train", SPIRALS, *arguments)
    assert result.code == code and words in result.err


@pytest.mark.thorough
def test_a_profile_of_training_steps_changes_no_number(nodeflow, tmp_path):
    plain = nodeflow("train", SPIRALS, "--epochs", "2", "--json", "--tier", "compiled").lines
    path = tmp_path / "trace.json"
    options = ("--epochs", "2", "--json", "--tier", "compiled", "--profile", path)
    profiled = nodeflow("train", SPIRALS, *options).lines
    assert [e["loss"] for e in profiled[:2]] == [e["loss"] for e in plain[:2]]
    events = [e for e in json.loads(path.read_text())["traceEvents"] if e["ph"] == "X"]
    assert any(n.startswith("gradients/") for e in events for n in e["args"]["nodes"])


@pytest.mark.thorough
def test_averages_and_a_confusion_matrix(nodeflow, tmp_path):
    """What is more than a number is a table in JSON and is printed at the end."""
    document = json.loads(SPIRALS.read_text())
    names = {n["name"]: n["id"] for n in document["nodes"]}
    document["nodes"].append(
        {"id": "n900", "op": "confusion_matrix", "name": "confusion",
         "attrs": {"classes": 2}, "pos": [0, 0]}
    )  # fmt: skip
    document["wires"] += [
        [names["actual"], "out", "n900", "labels"],
        [names["predicted"], "out", "n900", "predictions"],
    ]
    document["training"]["metrics"].append({"node": "n900", "split": "train"})
    document["next_id"] = 901
    path = tmp_path / "confusion.flow"
    path.write_text(json.dumps(document))
    options = ("--epochs", "2", "--set", "train.average_decay=0.9", "--use-averages")
    *_, done = nodeflow("train", path, *options, "--json").lines
    matrix = np.array(done["metrics"]["confusion"])
    assert matrix.shape == (2, 2) and matrix.sum() == 800, "the whole split, whatever the batches"
    assert "confusion = int64 (2, 2)" in nodeflow("train", path, *options).out


def test_a_drawing_with_values_shows_saved_weights(nodeflow, tmp_path):
    document = json.loads(SPIRALS.read_text())
    path = tmp_path / "spirals.flow"
    path.write_text(json.dumps(document))
    assert nodeflow("render", path, "--values", "-o", "before.png", "--scale", "0.5").code == 0
    trained = nodeflow("train", path, "--epochs", "1", "--save-weights", "w.safetensors")
    assert trained.code == 0
    path.write_text(json.dumps(document | {"weights": "w.safetensors"}))
    assert nodeflow("render", path, "--values", "-o", "after.png", "--scale", "0.5").code == 0
    before, after = ((tmp_path / f"{n}.png").read_bytes() for n in ("before", "after"))
    assert before != after


@pytest.mark.parametrize("setting", declared(TrainingSettings), ids=lambda s: s.name)
def test_a_training_setting_has_an_option_that_sets_it(setting):
    name = setting.name.replace("_", "-")
    plain = {"monitor": "test/accuracy", "schedule": "d*2, g from 500"}
    texts = {"int": ["7"], "float": ["0.5"], "bool": [], **{k: [v] for k, v in plain.items()}}
    values = {"int": 7, "float": 0.5, "bool": not setting.default, **plain}
    flag = f"--no-{name}" if setting.kind == "bool" and setting.default else f"--{name}"
    parser = build_parser()
    if not setting.option:
        with pytest.raises(SystemExit):
            parser.parse_args(["train", "a.flow", flag, *texts.get(setting.kind, ["n1"])])
        return
    arguments = parser.parse_args(["train", "a.flow", flag, *texts[setting.kind]])
    found = [parse_setting(text) for text in from_options(arguments)]
    assert found == [("training", setting.name, values[setting.kind])]


def test_a_training_that_diverges_is_a_problem_with_the_step(nodeflow, tmp_path):
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"kept")
    rate = ("--set", "train.learning_rate=1e30")
    result = nodeflow("train", LINEAR, *rate, "--save-weights", weights, "--json")
    assert result.code == 1
    assert [e["event"] for e in result.lines if e["event"] != "hints"] == ["diverged"]
    assert result.lines[-1]["step"] >= 1 and result.lines[-1]["kept_epoch"] == 0
    assert "--allow-nonfinite" in result.err and f"step {result.lines[-1]['step']}" in result.err
    assert weights.read_bytes() == b"kept", "no epoch was finished"


@pytest.mark.thorough
def test_a_training_that_diverges_is_told_once(nodeflow):
    rate = ("--set", "train.learning_rate=1e30")
    result = nodeflow("train", LINEAR, *rate)
    assert result.code == 1
    assert result.err.count("Lower the learning rate") == 1, result.err
    allowed = nodeflow("train", LINEAR, *rate, "--allow-nonfinite", "--epochs", "2")
    assert allowed.code == 0 and allowed.err.count("The training diverges") == 1, allowed.err


@pytest.mark.thorough
def test_what_was_learned_before_it_diverged_is_saved(nodeflow, tmp_path):
    """A rate at which the weights grow a little with each step, until they are infinite."""
    weights = tmp_path / "w.safetensors"
    options = ("--set", "train.learning_rate=2.5", "--epochs", "400")
    result = nodeflow("train", LINEAR, *options, "--save-weights", weights, "--json")
    last = result.lines[-1]
    assert result.code == 1 and last["event"] == "diverged" and last["kept_epoch"] > 0
    assert all(np.isfinite(v).all() for v in load_weights(weights).values())
    allowed = nodeflow("train", LINEAR, *options, "--allow-nonfinite", "--json")
    assert allowed.code == 0 and allowed.lines[-1]["event"] == "done"
    same = nodeflow("train", LINEAR, *options, "--set", "training.allow_nonfinite=true", "--json")
    assert same.code == 0


def test_saved_weights_are_used_where_they_are_named(nodeflow, tmp_path):
    trained = nodeflow("train", LINEAR, "--epochs", "5", "--save-weights", "w.safetensors")
    assert trained.code == 0, trained.err
    saved = load_weights(tmp_path / "w.safetensors")
    fetch = ("run", LINEAR, "--fetch", "slope", "--json")
    assert nodeflow(*fetch).json["fetches"]["slope"] == 0
    used = nodeflow(*fetch, "--weights", "w.safetensors").json["fetches"]["slope"]
    assert used == pytest.approx(float(saved["slope"]), rel=1e-6)
    missing = nodeflow(*fetch, "--weights", "gone.safetensors")
    assert missing.code == 1 and "gone.safetensors" in missing.err
    both = nodeflow(*fetch, "--weights", "w.safetensors", "--init")
    assert both.code != 0 and "--init" in both.err


def test_predictions_of_an_untrained_graph_say_so(nodeflow, tmp_path):
    untrained = nodeflow("run", LINEAR, "--fetch", "prediction", "-o", "out.csv")
    assert untrained.code == 0 and "initial values" in untrained.err
    nodeflow("train", LINEAR, "--epochs", "1", "--save-weights", "w.safetensors")
    trained = nodeflow(
        "run", LINEAR, "--fetch", "prediction", "-o", "out.csv", "--weights", "w.safetensors"
    )
    assert trained.code == 0 and "initial values" not in trained.err


def test_few_rows_get_small_batches_unless_a_size_is_set(nodeflow, tmp_path):
    rows = "\n".join(f"{i},{2 * i}" for i in range(50))
    (tmp_path / "few.csv").write_text(f"x,y\n{rows}\n")
    document = json.loads(LINEAR.read_text())
    document["training"].pop("batch_size", None)
    few = f"csv:{tmp_path / 'few.csv'}"
    (tmp_path / "few.flow").write_text(json.dumps(document))
    chosen = ("train", tmp_path / "few.flow", "--dataset", few, "--epochs", "1")
    lines = nodeflow(*chosen, "--json", "--set", "train.learning_rate=1e-6").lines
    epoch = next(line for line in lines if line["event"] == "epoch")
    assert epoch["steps"] == 10  # 40 training rows, 4 a step
    refused = nodeflow(*chosen, "--set", "training.batch_size=100")
    assert refused.code == 1 and "exceeds the 40 training rows" in refused.err


@pytest.mark.thorough
def test_a_metric_called_loss_says_on_which_split_it_is_measured(nodeflow):
    line = nodeflow("train", example("regression.flow"), "--epochs", "1").out.splitlines()[0]
    assert line.split().count("loss") == 1 and "  test/loss " in line


def test_to_monitor_something_early_stopping_has_to_be_on(nodeflow):
    for given in (["--monitor", "loss"], ["--set", 'training.monitor={"node": "loss"}']):
        result = nodeflow("train", LINEAR, *given)
        assert result.code == 1 and "early stopping is off" in result.err
        assert "--patience 5" in result.err and not result.out
    assert nodeflow("train", LINEAR, "--epochs", "1", "--set", "training.monitor=null").code == 0


def test_what_is_monitored_is_a_scalar(nodeflow):
    result = nodeflow("train", LINEAR, "--monitor", "prediction", "--patience", "2")
    assert result.code == 1 and "watches a scalar, not float32 (?, 1)" in result.err

"""Data outside the folder of a graph: an error that names the option, and read with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nodeflow as nf
from nodeflow.data.errors import OutsideData
from tests.touched import touched

TABLE = "a,b\n" + "".join(f"{i},{2 * i}\n" for i in range(40))


@pytest.fixture
def graph(nodeflow, tmp_path: Path) -> Path:
    """A graph that learns from ``there/x.csv``, and lies in ``here``."""
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "x.csv").write_text(TABLE)
    made = nodeflow("new", "there/x.csv", "-o", "here/graph.flow")
    assert made.code == 0 and f"graph.flow --allow-data {tmp_path}/there/x.csv\n" in made.err
    path = tmp_path / "here" / "graph.flow"
    path.write_text(path.read_text().replace(f"csv:{tmp_path}/there", "csv:../there"))
    document = json.loads(path.read_text())
    (node,) = (node for node in document["nodes"] if node["op"] == "dataset")
    assert node["attrs"]["source"] == "csv:../there/x.csv"
    return path


FILE = "here/graph.flow"
COMMANDS = {
    "run": ["run", FILE, "--fetch", "loss"],
    "train": ["train", FILE, "--epochs", "1", "--tier", "reference"],
    "check": ["check", FILE],
    "bench": ["bench", FILE, "--seconds", "0.01", "--tier", "reference"],
    "predict": ["run", FILE, "--fetch", "prediction", "-o", "out.csv", "--init"],
}


@pytest.mark.thorough
@pytest.mark.parametrize("command", list(COMMANDS))
def test_a_command_asks_for_the_option_and_takes_it(nodeflow, graph, tmp_path, command) -> None:
    there = tmp_path / "there"
    with touched(there) as found:
        refused = nodeflow(*COMMANDS[command])
    assert refused.code == 1 and not found
    assert f"--allow-data {there / 'x.csv'}" in refused.out + refused.err
    assert nodeflow(*COMMANDS[command], "--allow-data", "there/x.csv").code == 0
    assert nodeflow(*COMMANDS[command], "--allow-data", "there").code == 0
    assert nodeflow(*COMMANDS[command], "--allow-data", "here").code == 1


@pytest.mark.thorough
def test_a_drawing_reads_nothing_outside(nodeflow, graph, tmp_path) -> None:
    pytest.importorskip("PySide6")
    with touched(tmp_path / "there") as found:
        assert nodeflow("render", FILE, "-o", "a.png").code == 0
        assert nodeflow("render", FILE, "-o", "a.png", "--values").code == 0
    assert not found


@pytest.mark.thorough
def test_what_stands_on_the_command_line_is_allowed(nodeflow, graph, tmp_path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "y.csv").write_text(TABLE)
    run = COMMANDS["run"]
    assert nodeflow(*run, "--dataset", "other/y.csv").code == 0
    assert nodeflow(*run, "--dataset", f"x_data=csv:{tmp_path}/other/y.csv").code == 0
    assert nodeflow(*run, "--set", f"x_data.source=csv:{tmp_path}/other/y.csv").code == 0
    assert nodeflow(*run, "--set", "x_data.source=csv:../other/y.csv").code == 0
    assert nodeflow(*run, "--data-dir", "there").code == 0
    assert nodeflow(*run, "--set", "x_data.delimiter=comma").code == 1, (
        "the path is still the file's"
    )


@pytest.mark.thorough
def test_a_yes_in_the_window_is_none_on_the_command_line(nodeflow, graph, tmp_path, monkeypatch):
    from nodeflow.document.io.consents import remember

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    remember(graph, [str(tmp_path / "there")])
    assert nodeflow(*COMMANDS["check"]).code == 1


@pytest.mark.thorough
def test_weights_that_a_link_leads_out_are_not_read(nodeflow, graph, tmp_path) -> None:
    document = json.loads(graph.read_text())
    document["weights"] = "w.safetensors"
    graph.write_text(json.dumps(document))
    allowed = ["--allow-data", "there/x.csv"]
    assert nodeflow(*COMMANDS["train"], *allowed, "--save-weights", "saved.safetensors").code == 0
    secret = tmp_path / "secret"
    secret.mkdir()
    (tmp_path / "saved.safetensors").rename(secret / "w.safetensors")
    (tmp_path / "here" / "w.safetensors").symlink_to(secret / "w.safetensors")
    for command in ("run", "train", "check"):
        with touched(secret) as found:
            refused = nodeflow(*COMMANDS[command], *allowed)
        assert refused.code == 1 and not found, command
        assert f"--allow-data {secret / 'w.safetensors'}" in refused.out + refused.err
    assert nodeflow(*COMMANDS["run"], *allowed, "--allow-data", "secret").code == 0
    assert nodeflow(*COMMANDS["run"], *allowed, "--init").code == 0


def test_the_python_api_takes_what_is_allowed(graph, tmp_path) -> None:
    there = tmp_path / "there"
    with touched(there) as found, pytest.raises(OutsideData, match="allow_data=") as error:
        nf.load(graph)
    assert not found and error.value.node == "x_data"
    loaded = nf.load(graph, allow_data=[there])
    nf.train.fit(loaded, epochs=1, tier="reference")
    nf.save(loaded, tmp_path / "here" / "again.flow")
    with pytest.raises(OutsideData):
        nf.load(tmp_path / "here" / "again.flow")

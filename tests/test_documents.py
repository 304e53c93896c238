"""What README, CONTRIBUTING and the documentation show is run, and their links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nodeflow as nf
from nodeflow.cli.definition.all_commands import COMMAND_NAMES, COMMANDS, build_parser
from nodeflow.cli.environment import Environment
from nodeflow.cli.main import main
from nodeflow.data.catalog import SOURCES
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.formula.insert import add_expression
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build import build
from nodeflow.engine.plan.passes import REWRITES
from nodeflow.graph.registry import REGISTRY
from nodeflow.resources import example
from nodeflow.train.settings import TrainingSettings, declared
from tests import own_data


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.M | re.S)


def run(code: str, folder: Path) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, timeout=120
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.thorough
def test_the_first_python_program_gives_what_it_says(root, tmp_path):
    program, *_ = blocks(root / "docs/guides/python.md", "python")
    numbers = [float(n) for n in re.findall(r"[\d.]+", run(program, tmp_path))]
    assert numbers == [3.0 * k for k in range(1, 11)]
    assert (tmp_path / "a.flow").exists()


def test_every_picture_that_a_document_shows_is_there_and_every_node_it_names(root):
    text = (root / "docs" / "examples.md").read_text()
    listed = re.findall(r'^\*\*<a href="pages/(\w+)\.html">', text, re.M)
    assert set(listed) == {path.stem for path in (root / "examples").glob("*.flow")}
    shown = re.findall(r"^`(\w+)\.flow`(.*?)(?:^##|\Z)", text, re.M | re.S)
    assert [name for name, _ in shown] == [
        *("mandelbrot", "mnist_cnn", "lstm", "autoencoder", "word2vec"),
    ]
    for name, words in shown:
        assert f"images/{name}.png" in text
        nodes = {n["name"] for n in json.loads(example(f"{name}.flow").read_text())["nodes"]}
        selected = re.findall(r"select \*(\w+)\*", words, re.I)
        assert selected and set(selected) <= nodes
    for document in (root / "README.md", *sorted((root / "docs").rglob("*.md"))):
        for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", document.read_text()):
            assert (document.parent / path).is_file(), f"{document.name} shows {path}"


@pytest.mark.thorough
def test_the_op_of_contributing_works_in_both_tiers(root, tmp_path):
    op, _kernel = blocks(root / "CONTRIBUTING.md", "python")
    program = f"""
import numpy as np, nodeflow as nf
from nodeflow.ops.activations import basic
exec({op!r}, vars(basic))
with nf.Graph() as g:
    x = nf.placeholder("float64", [None], name="x")
    y = nf.isru(x)
    (d,) = nf.gradients(y, [x])
for tier in ("reference", "compiled"):
    with nf.Session(g, tier=tier) as s:
        y_value, d_value = s.run([y, d], {{x: np.array([-2.0, 0.0, 3.0])}})
        np.testing.assert_allclose(y_value, [-2 / 5**0.5, 0, 3 / 10**0.5])
        np.testing.assert_allclose(d_value, [5**-1.5, 1, 10**-1.5])
print("ok")
"""
    assert run(program, tmp_path) == "ok\n"


@pytest.mark.thorough
def test_the_own_op_of_its_guide_runs_from_the_folder_in_both_tiers(
    root, tmp_path, plugin_files, capsys
):
    (op,) = blocks(root / "docs/guides/own_ops.md", "python")
    (plugin_files / "leaky.py").write_text(op)
    program = """
import numpy as np, nodeflow as nf
assert nf.load_plugins() == ["leaky"]
with nf.Graph() as g:
    x = nf.placeholder("float32", [None], name="x")
    y = nf.leaky(x, slope=0.5, name="y")
    (d,) = nf.gradients(y, [x])
for tier in ("reference", "compiled"):
    with nf.Session(g, tier=tier) as s:
        y_value, d_value = s.run([y, d], {x: np.array([-2, 3], "float32")})
        assert y_value.tolist() == [-1, 3] and d_value.tolist() == [0.5, 1]
nf.save(g, "own.flow")
"""
    run(program, tmp_path)
    arguments = ["run", "own.flow", "--fetch", "y", "--feed", "x=[-4, 1]"]
    assert main(arguments, Environment(folder=tmp_path)) == 0
    assert "-2" in capsys.readouterr().out


def guide_commands(root: Path) -> list[str]:
    text = next(
        b for b in blocks(root / "docs/guides/command_line.md", "") if "nodeflow check" in b
    )
    return [line.split("#")[0].strip() for line in text.splitlines()]


@pytest.mark.thorough
def test_the_commands_of_the_guide_run(root, tmp_path, monkeypatch, capsys):
    commands = guide_commands(root)
    assert len(commands) >= 8
    monkeypatch.delenv("NODEFLOW_DATA_DIR", raising=False)  # what they learn is tested elsewhere
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    (tmp_path / "examples").symlink_to(root / "examples")
    houses = own_data.houses(tmp_path / "houses.csv")
    own_data.without_labels(houses, tmp_path / "new.csv")
    own_data.png(tmp_path / "digit.png", np.full((40, 30), 255, np.uint8))
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "nodeflow"
        if arguments[:2] == ["data", "fetch"]:
            continue  # the network; tests/data fetches from a server of its own
        if arguments[0] == "compare":  # a model that loses no accuracy, and one sample
            shutil.copy("model.onnx", "int8.onnx")
            (tmp_path / "DIR").mkdir()
            np.save(tmp_path / "DIR" / "digit.npy", np.zeros((1, 784), np.float32))
        assert main(arguments, Environment(folder=tmp_path)) == 0, command
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 21
    assert (tmp_path / "mnist.safetensors").exists() and (tmp_path / "mnist.svg").exists()


ROOT = Path(__file__).resolve().parent.parent
GENERATED = "reference/generated/"  # written when the site is built
GENERATED_PAGES = ("ops", "cli", "data", "rewrites", "lessons")
COPIED = "docs/integrations/"  # then, too
PAGES = sorted(
    page
    for page in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("nodeflow/integrations/*/guide.md"),
    )
    if GENERATED not in page.as_posix() and COPIED not in page.as_posix()
)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= 600


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_film_of_the_readme_plays_some_twenty_seconds(theme: str) -> None:
    path = ROOT / "docs" / "images" / f"film-{theme}.webp"
    assert f"docs/images/{path.name}" in (ROOT / "README.md").read_text()
    assert path.stat().st_size < 4_000_000
    seconds = 0.0
    with Image.open(path) as film:
        assert film.size == (960, 695)
        for number in range(film.n_frames):
            film.seek(number)
            film.load()
            seconds += film.info["duration"] / 1000
    assert 15 < seconds < 25


def test_a_caption_of_the_film_has_at_most_four_words() -> None:
    program = (ROOT / "tools" / "make_film.py").read_text()
    captions = re.findall(r'caption = "(.+)"', program)
    assert len(captions) >= 7 and all(len(each.split()) <= 4 for each in captions)


def test_there_are_documents() -> None:
    names = {page.relative_to(ROOT).as_posix() for page in PAGES}
    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/tutorial.md"} <= names
    assert len([name for name in names if re.match("docs/decisions/[0-9]", name)]) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    targets += re.findall(r"^(?:\w+/)*generated/\w+$", page.read_text(), re.M)
    for target in targets:
        if re.match(r"\w+:", target):
            continue  # another site
        path, _, anchor = target.partition("#")
        if "generated/" in path:
            assert Path(path).stem in GENERATED_PAGES, target
            continue
        file = page.parent / path if path else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


WITH_PROGRAMS = (
    *("docs/tutorial.md", "docs/three_programs.md", "docs/reference/api.md"),
    *(f"docs/coming_from/{name}.md" for name in ("keras", "pytorch", "tensorboard")),
)


@pytest.mark.thorough
@pytest.mark.parametrize("name", WITH_PROGRAMS)
def test_the_programs_of_the_documentation_run(root, tmp_path, name, monkeypatch):
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    programs = blocks(root / name, "python")
    assert programs
    for program in programs:
        run(program, tmp_path)


@pytest.mark.parametrize(
    "number, feeds, expected", [(0, {}, 9.0), (1, {"b": [[0], [4]]}, [[3], [15]])]
)
def test_the_formulas_of_the_three_programs_give_what_their_programs_give(
    root, number, feeds, expected
):
    formula = blocks(root / "docs/three_programs.md", "text")[number]
    document = Document()
    analysis = Analysis(document)
    document.subscribe(analysis.update)
    add_expression(document, analysis, formula.strip())
    graph = build(document).graph
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        result = session.run("a", {graph.tensor(name): value for name, value in feeds.items()})
        assert np.asarray(result).tolist() == expected


@pytest.mark.thorough
def test_the_commands_of_the_documentation_parse(root):
    """Every `nodeflow ...` line of a code block is a command with options that exist."""
    checked = 0
    for page in PAGES:
        for line in "\n".join(blocks(page, "")).splitlines():
            if not line.startswith("nodeflow ") or "[" in line:
                continue  # no command, or a summary of its options
            _, *arguments = shlex.split(line, comments=True)
            if arguments[0] in COMMAND_NAMES:
                build_parser().parse_args(arguments)
                checked += 1
    assert checked >= 10


@pytest.mark.thorough
def test_every_op_and_option_is_in_the_generated_reference(root):
    sys.path.insert(0, str(root / "tools"))
    try:
        import make_reference
    finally:
        sys.path.pop(0)
    pages = make_reference.pages()
    everything = "\n".join(pages.values())
    for op in REGISTRY:
        if not op.hidden and not op.own:
            assert f"## `{op.id}`" in everything, op.id
    reference = pages["cli.md"]
    for name, command in all_commands(COMMANDS, "nodeflow"):
        heading = f"\n{'#' * name.count(' ')}# `{name}`\n"
        assert heading in reference, name
        section = re.split(r"\n##+ ", reference.partition(heading)[2])[0]
        for option in command.options:
            flags = (
                option.flags if option.flags[0].startswith("-") else [option.settings["metavar"]]
            )
            for flag in flags:
                assert re.search(rf"`{re.escape(flag)}[ `]", section), (name, flag)
    for rewrite in REWRITES.values():
        assert f"## `{rewrite.id}`\n\n{rewrite.text}\n" in pages["rewrites.md"]
    for source in SOURCES.values():
        section = pages["data.md"].partition(f"## `{source.form}`\n")[2].partition("\n## ")[0]
        assert all(f"| `{option.name}` |" in section for option in source.options), source.id
    settings = reference.partition("## Training settings")[2]
    for setting in declared(TrainingSettings):
        assert f"| `{setting.name}` |" in settings and setting.help in settings
    for option in ("--fetch NAME", "--tier {auto,reference,compiled}", "--json"):
        assert f"`{option}`" in reference


def all_commands(commands, prefix):
    """Every command by its full name, groups and the commands in them included."""
    for command in commands:
        name = f"{prefix} {command.name}"
        yield name, command
        yield from all_commands(command.commands, name)


def test_the_tests_that_prove_something_exist(root):
    """The table of docs/correctness.md names files below tests/."""
    named = re.findall(r"`(\w+/test_\w+\.py)`", (root / "docs/correctness.md").read_text())
    assert len(named) >= 15
    assert [n for n in named if not (root / "tests" / n).exists()] == []


def test_the_glossary_is_made_from_its_words(root):
    sys.path.insert(0, str(root / "tools"))
    try:
        import make_glossary
    finally:
        sys.path.pop(0)
    assert make_glossary.PAGE.read_text(encoding="utf-8") == make_glossary.page(), (
        "run tools/make_glossary.py"
    )
    listed = [word for section in make_glossary.words().values() for word in section]
    names = [word["name"] for word in listed]
    assert len(set(names)) == len(names) > 50
    for word in listed:
        assert word["text"].endswith(".") and len(word["text"]) < 240, word["name"]
        assert "see" not in word or (root / "docs" / word["see"]).is_file(), word["name"]

"""Without an integration, and without all of them, everything else works.

Each test copies the sources without the folder and starts programs in the copy.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection
from pathlib import Path

import pytest

from nodeflow import manifests

from .trimmed import all_names, copy_without, run_in

HERE = Path(__file__).resolve().parent
NAMES = sorted({each.name for each in manifests.integrations()})
EACH_AND_ALL = [pytest.param({name}, id=name) for name in NAMES] + [
    pytest.param(set(NAMES), id="all")
]
LINT = "import sys; sys.argv[1:] = []; from importlinter.cli import lint_imports; "
LINT += "sys.exit(lint_imports())"
HELP = """
from nodeflow.cli.definition.all_commands import build_parser

def show(parser):
    print(parser.format_help())
    for action in parser._subparsers._group_actions if parser._subparsers else ():
        for child in action.choices.values():
            show(child)

show(build_parser())
"""
"""Prints the help of every command."""
PLAIN = {"import", "numpy"}
"""Names of offers that core says as ordinary words."""

CODE = "code"
EXPORTED = re.compile(r"\{[^{}]*\bpytorch,[^{}]*\}|For PyTorch, JAX, TensorFlow 1")
"""What the integration `CODE` says of libraries that others join nodeflow to."""


@pytest.fixture(params=EACH_AND_ALL, scope="module")
def removed(request: pytest.FixtureRequest) -> set[str]:
    """Return the integrations that are missing."""
    return request.param


@pytest.fixture(scope="module")
def copy(removed: set[str], root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the sources without them."""
    return copy_without(removed, root, tmp_path_factory.mktemp("without"))


def named(removed: Collection[str], text: str) -> list[str]:
    """Return the names of missing things that a text mentions as words."""
    shared = ""
    if CODE in removed:
        left = [each for each in manifests.integrations() if each.name not in removed]
        shared = " ".join(f"{each.name} {each.title}" for each in left)
    else:
        text = EXPORTED.sub("", text)
    words = {each.title for each in manifests.integrations() if each.name in removed}
    for purpose in manifests.PURPOSES:
        for offer in manifests.offers(purpose):
            if offer.integration.name in removed:
                words |= {offer.label, offer.name} - PLAIN
    words = {word for word in words if word not in shared}
    return [word for word in sorted(words) if re.search(rf"\b{re.escape(word)}\b", text, re.I)]


def linked(page: Path) -> set[Path]:
    """Return the files that a page links to."""
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    return {(page.parent / each).resolve() for each in targets if ":" not in each}


def shown_in(copy: Path) -> str:
    """Train the digits in the window, and return the texts of all panels and menus."""
    printed = run_in(copy, str(HERE / "window_program.py"), str(copy / "examples" / "mnist.flow"))
    report = json.loads(printed.splitlines()[-1])
    assert report.get("accuracy", 0) > 0.5, report
    return "\n".join(report["texts"])


def test_all_integrations_are_tried(root: Path) -> None:
    assert set(NAMES) == all_names(root)


@pytest.mark.sample(1)
def test_no_option_of_the_command_line_names_it(copy: Path, removed: set[str]) -> None:
    found = run_in(copy, "-c", HELP)
    assert "usage: nodeflow run" in found and "usage: nodeflow runs list" in found
    assert named(removed, found) == []
    assert "usage: nodeflow" in run_in(copy, "-m", "nodeflow", "--help")


def test_no_page_links_to_its_folder(removed: set[str], root: Path) -> None:
    folders = [root / "nodeflow" / "integrations" / name for name in removed]
    folders += [root / "docs" / "integrations" / f"{name}.md" for name in removed]
    left = [root / "nodeflow" / "integrations" / name for name in set(NAMES) - removed]
    pages = [*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("examples/**/*.md")]
    pages += [folder / manifests.GUIDE for folder in left]
    for page in pages:
        lost = [t for t in linked(page) for folder in folders if t.is_relative_to(folder)]
        assert lost == [] or any(map(page.is_relative_to, folders)), page


@pytest.mark.thorough
def test_the_documentation_is_built_without_any(root: Path, tmp_path: Path) -> None:
    copy_without(NAMES, root, tmp_path)
    for name in ("docs", "tools"):
        generated = shutil.ignore_patterns("generated", "integrations")
        shutil.copytree(root / name, tmp_path / name, ignore=generated)
    (tmp_path / "build" / "pages").mkdir(parents=True)
    run_in(tmp_path, *"-m sphinx -W --keep-going -q -b dummy docs build/docs".split())


@pytest.mark.thorough
def test_the_window_shows_the_words_that_the_next_tests_look_for(root: Path, tmp_path) -> None:
    copy_without((), root, tmp_path)
    assert "t-SNE" in named({"tsne"}, shown_in(tmp_path))


@pytest.mark.thorough
def test_the_import_contracts_hold(copy: Path) -> None:
    assert re.search(r"Contracts: \d+ kept, 0 broken", run_in(copy, "-c", LINT))


@pytest.mark.thorough
def test_every_example_runs_and_trains(copy: Path) -> None:
    lines = run_in(copy, str(HERE / "examples_program.py")).splitlines()
    steps = {name: int(count) for name, count in map(str.split, lines)}
    assert set(steps) == {path.stem for path in (copy / "examples").glob("*.flow")}
    assert set(steps.values()) == {0, 20} and steps["mnist"] == 20


@pytest.mark.thorough
def test_the_window_trains_and_offers_nothing_of_it(copy: Path, removed: set[str]) -> None:
    shown = shown_in(copy)
    assert "Train" in shown
    assert named(removed, shown) == []

"""Documents name menus and panels as the window does: one sign for a path, one name for a panel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeflow.lessons.courses import read_course
from nodeflow.resources import resource
from nodeflow.ui.actions.menus import CONTEXT_MENUS, MENUS, PLACE
from nodeflow.ui.actions.specs import ACTIONS, training_file_actions
from nodeflow.ui.panels.panel import discover_panels
from tests.test_documents import PAGES, ROOT

SIGN = " → "
TOPS = tuple(title.replace("&", "") for title, _ in MENUS)
MADE_BY_THE_WINDOW = ("Examples", "Open recent", "Panels", "Show on node or stage")
"""Menus whose entries are not declared."""


def declared_paths() -> set[str]:
    shown = tuple(action for panel in discover_panels() for action in panel.actions)
    specs = (*ACTIONS, *training_file_actions(), *shown)
    texts = {spec.id: spec.text.replace("&", "") for spec in specs}
    placed = [spec for spec in specs if spec.place]

    def walk(items, path: str) -> Iterator[str]:
        for item in items:
            if isinstance(item, tuple):
                title, inside = item
                yield path + title.replace("&", "")
                if not isinstance(inside, str):
                    yield from walk(inside, path + title.replace("&", "") + SIGN)
            elif item in texts:
                yield path + texts[item]
            elif item.startswith(PLACE):
                yield from (path + s.text for s in placed if s.place == item.removeprefix(PLACE))

    return {*walk(MENUS, ""), *(p for menu in CONTEXT_MENUS.values() for p in walk(menu, ""))}


def named(page: Path) -> list[str]:
    """Return the emphasized menu paths of a page, whatever sign they have."""
    text = " ".join(page.read_text(encoding="utf-8").split())
    tops = "|".join((*TOPS, *MADE_BY_THE_WINDOW))
    return re.findall(rf"(?<!\*)\*((?:{tops}) ?(?:→|->|>|▸|›|/|\|) ?[^*]+)\*", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_menu_path_of_a_document_is_in_the_window(page: Path) -> None:
    there = {path.rstrip("…") for path in declared_paths()}
    for path in named(page):
        assert SIGN in path, f"{path}: write the sign{SIGN}between menus"
        if path.split(SIGN)[-2] not in MADE_BY_THE_WINDOW:
            assert path.rstrip("…") in there, f"{path} is not in the menus"


def test_the_menus_that_the_window_fills_exist() -> None:
    titles = {path.split(SIGN)[-1] for path in declared_paths()}
    assert titles >= set(MADE_BY_THE_WINDOW)
    assert sum(len(named(page)) for page in PAGES) > 15


def test_no_document_and_no_lesson_has_another_name_for_a_panel() -> None:
    panels = {spec.title for spec in discover_panels()}
    assert {"Ops", "Viewer", "Scatter plot", "Sketch pad"} <= panels
    texts = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
    texts |= {
        e.path.name: e.path.read_text("utf-8") for e in read_course(resource("lessons")).entries
    }
    for name, text in texts.items():
        assert not re.search(r"\b[Pp]alettes?\b", text), f"{name}: the panel is called Ops"
        for panel in re.findall(r"[Tt]he panel \*([^*]+)\*", " ".join(text.split())):
            assert panel in panels, f"{name}: there is no panel {panel}"

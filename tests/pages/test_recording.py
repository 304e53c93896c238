"""A page with the recording of a training, used by real clicks and keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow import resources
from nodeflow.drawing.formats.html_page import page_file
from nodeflow.host.page_recording import Recording
from nodeflow.host.past.record_for_page import record
from nodeflow.run_store.curves import Curve
from nodeflow.run_store.store import RunStore
from tests.pages.browser import Browser
from tests.pages.test_page import HOSTILE, calm, look, middle, said, until


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Iterator[Recording]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NODEFLOW_RUNS", str(tmp_path_factory.mktemp("runs")))
        nf.train.fit(nf.load(resources.example("spirals")), epochs=20, run_name="twenty")
        with RunStore(write=False) as store:
            yield record(store, store.find("twenty"))


@pytest.fixture(scope="module")
def path(recording, tmp_path_factory) -> Path:
    return saved(recording, tmp_path_factory.mktemp("page") / "spirals.html")


def saved(recording: Recording, path: Path) -> Path:
    page = page_file(recording.document, title="spirals", recording=recording)
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Browser, path: Path) -> Iterator[Browser]:
    browser.open(path, 1440, 900)
    yield browser
    calm(browser)


def shown(page: Browser) -> str:
    return page.value("document.getElementById('step-text').textContent")


def card(page: Browser, name: str) -> str:
    """Return the texts on a node's card."""
    node = f"here.nodes.find(each => each.name === {name!r})"
    return page.value(f"element(here, {node}).querySelector('.near').textContent")


def words(recording: Recording, index: int) -> str:
    return f"step {recording.steps[index].step} · epoch {recording.steps[index].epoch} · loss "


def value_of(recording: Recording, index: int, name: str) -> str:
    return recording.steps[index].values[name].text


def test_it_opens_at_the_last_step_and_the_slider_goes_to_others(page, recording):
    assert shown(page).startswith(words(recording, -1))
    assert value_of(recording, -1, "loss") in card(page, "loss")
    picture = page.value("document.querySelector('#main-view image').outerHTML")
    look(page, "recording_last")
    page.value("document.getElementById('step').focus()")
    page.press("Home")
    assert shown(page).startswith(words(recording, 0))
    assert value_of(recording, 0, "loss") in card(page, "loss")
    assert page.value("document.querySelector('#main-view image').outerHTML") != picture
    look(page, "recording_first")
    for _ in range(3):
        page.press("ArrowRight")
    assert shown(page).startswith(words(recording, 3))
    assert value_of(recording, 3, "loss") in card(page, "loss")
    said_to_readers = page.value("document.getElementById('step').getAttribute('aria-valuetext')")
    assert said_to_readers.startswith(f"step {recording.steps[3].step}, epoch 1, loss")


def test_details_follow_the_step(page, recording):
    page.click(*middle(page, "loss"))
    assert value_of(recording, -1, "loss") in said(page)
    page.value("document.getElementById('step').focus()")
    page.press("Home")
    assert value_of(recording, 0, "loss") in said(page)


def test_it_plays_to_the_end_and_pauses(page, recording):
    button = "document.getElementById('play')"
    x, y = page.value(f"(b => [b.left + 9, b.top + 9])({button}.getBoundingClientRect())")
    page.click(x, y)
    assert page.value(f"{button}.getAttribute('aria-label')") == "Pause"
    until(page, "Number(document.getElementById('step').value) > 2")
    page.press(" ", " ")  # on the button, so it pauses
    assert page.value(f"{button}.getAttribute('aria-label')") == "Play"
    at = page.value("Number(document.getElementById('step').value)")
    assert 0 < at < len(recording.steps) - 1
    page.value("stage.focus()")
    page.press(" ", " ")
    until(page, f"{button}.getAttribute('aria-label') === 'Play'")
    assert shown(page).startswith(words(recording, -1))


def test_a_click_on_the_curve_goes_to_the_nearest_step(page, recording):
    line = "document.querySelector('#curves0')"
    left, right, first, last = page.value("recording.charts[0]")
    place = page.value(f"(m => [m.a, m.d, m.e, m.f])({line}.getScreenCTM())")
    wanted = recording.steps[20].step
    x = left + (wanted - first) / (last - first) * (right - left)
    page.click(place[0] * x + place[2], place[1] * 60 + place[3])
    assert shown(page).startswith(words(recording, 20))
    moved = page.value(f"{line}.querySelector('.now').getAttribute('transform')")
    assert float(moved.removeprefix("translate(").split()[0]) == pytest.approx(x - right, abs=1)


def test_the_keyboard_alone_reaches_everything(page, recording):
    """Each stop has a name, the focus can be seen, and keys do what clicks do."""
    page.value("document.activeElement.blur()")
    stops = []
    for _ in range(14):
        page.press("Tab")
        stops.append(page.value(FOCUSED))
    names = [name for name, _ in stops]
    assert all(names) and all(seen for _, seen in stops)
    for wanted in (
        "Search nodes",
        "Zoom in",
        "Fit",
        "Theme",
        "Graph",
        "Play",
        "Step of the training",
    ):
        assert any(wanted in name for name in names), wanted
    page.value("document.getElementById('play').focus()")
    page.press("Enter")
    until(page, "document.getElementById('play').getAttribute('aria-label') === 'Pause'")
    page.press("Enter")
    until(page, "document.getElementById('play').getAttribute('aria-label') === 'Play'")
    page.value("stage.focus()")
    page.press("ArrowRight")
    assert page.value("status.textContent.startsWith(chosen.name + ', ')")
    page.value("document.querySelector('#side button').focus()")
    page.press("Enter")
    assert page.value("chosen") is None


FOCUSED = """(at => [
  at.getAttribute("aria-label") || at.labels?.[0]?.textContent || at.textContent,
  at.matches(":focus-visible") && getComputedStyle(at).outlineStyle !== "none",
])(document.activeElement)"""
"""The name of the element with the focus, and whether its focus is seen."""


def test_groups_search_and_zoom_work_beside_it(page):
    before = page.value("here.view.scale")
    page.wheel(400, 300, -300)
    assert page.value("here.view.scale") > before
    page.value("search.focus()")
    page.write("hidden")
    assert "found" in said(page)
    page.press(" ", " ")
    assert page.value("search.value") == "hidden ", "a space is typed, and plays nothing"


@pytest.mark.parametrize(
    ("width", "height", "dark"), [(1280, 720, True), (1920, 1080, True), (390, 844, False)]
)
def test_nothing_sticks_out_on_small_screens(browser, path, width, height, dark):
    browser.open(path, width, height, dark)
    assert browser.value("document.documentElement.scrollWidth") <= width
    place = browser.value(
        "(b => [b.left, b.right, b.top, b.bottom])"
        "(document.getElementById('player').getBoundingClientRect())"
    )
    assert 0 <= place[0] < place[1] <= width and 0 <= place[2] < place[3] <= height
    assert browser.value("stage.clientHeight") > 150, "the graph has room, too"
    look(browser, f"recording_{width}_{'dark' if dark else 'light'}")
    calm(browser)


def test_it_takes_less_than_three_megabytes(path):
    assert path.stat().st_size < 3_000_000


def test_hostile_names_stay_texts(browser, recording, tmp_path):
    curve = Curve(HOSTILE, *(np.arange(1, 9) for _ in range(3)), np.linspace(0, 1, 8))
    bad = replace(
        recording,
        title=HOSTILE,
        curves=(*recording.curves, curve),
        marks=((40, HOSTILE),),
        notices=(HOSTILE,),
    )
    browser.open(saved(bad, tmp_path / "hostile.html"), 1440, 900)
    assert browser.value("window.hacked") is None
    assert browser.value("document.querySelectorAll('img').length") == 0
    assert "onerror" in browser.value("document.getElementById('recording').textContent")
    assert "onerror" in shown(browser)
    calm(browser)


def test_curves_alone_say_why(browser, recording, tmp_path):
    alone = replace(recording, steps=(), notices=("The page shows no values: it kept none.",))
    browser.open(saved(alone, tmp_path / "alone.html"), 1440, 900)
    assert "it kept none" in browser.value("document.getElementById('recording').textContent")
    assert browser.value("document.getElementById('player')") is None
    assert browser.value("document.querySelectorAll('.curves').length") == 2
    calm(browser)

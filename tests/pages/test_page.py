"""A page that carries a graph, used by real clicks, keys and fingers."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nodeflow import resources
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.drawing.formats.html_page import page_file
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.evaluation.previews import make_preview
from tests.pages.browser import Browser

HOSTILE = "</script><img src=x onerror='window.hacked=1'>\"'&amp;{{x}}\u2028\x1b[31m"
SCREENSHOTS = os.environ.get("PAGE_PICTURES")
"""A folder for pictures of the pages, to be looked at."""


def saved(tmp_path: Path, name: str, document: Document, **options) -> Path:
    path = tmp_path / f"{name}.html"
    path.write_text(page_file(document, title=name, **options), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def mandelbrot(tmp_path_factory) -> Path:
    """The page of a graph with groups."""
    document = flow.load(resources.example("mandelbrot"))
    values = Evaluator(document).previews().values
    return saved(tmp_path_factory.mktemp("page"), "mandelbrot", document, values=values)


@pytest.fixture
def page(browser: Browser, mandelbrot) -> Iterator[Browser]:
    browser.open(mandelbrot)
    yield browser
    calm(browser)


def calm(browser: Browser) -> None:
    """Check that the page asked for nothing, and that no script failed."""
    asked = [e["params"]["request"]["url"] for e in browser.events
             if e["method"] == "Network.requestWillBeSent"]  # fmt: skip
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked), asked
    broken = [e for e in browser.events
              if e["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")]  # fmt: skip
    assert not broken, broken


def middle(browser: Browser, name: str) -> tuple[float, float]:
    """Return the middle of a node's card on the screen."""
    script = f"""(() => {{
      const node = here.nodes.find((each) => each.name === {name!r});
      const box = element(here, node).getBoundingClientRect();
      return [box.left + box.width / 2, box.top + box.height / 2];
    }})()"""
    x, y = browser.value(script)
    return x, y


def said(browser: Browser) -> str:
    return browser.value("side.textContent")


def look(browser: Browser, name: str) -> None:
    if SCREENSHOTS:
        (Path(SCREENSHOTS) / f"{name}.png").write_bytes(browser.picture())


def test_a_click_on_a_node_shows_its_details(page):
    page.click(*middle(page, "c_x"))
    text = said(page)
    assert text.startswith("All nodesc_x") and "-2.25" in text and "float32 256" in text
    assert page.value("document.querySelectorAll('.ring.chosen').length") == 1
    assert page.value("status.textContent").startswith("c_x, Range")
    look(page, "details")
    page.click(600, 690)
    assert "10 nodes" in said(page), "a click beside the nodes chooses none"


def test_wheel_drag_and_buttons_move_and_zoom(page):
    before = page.value("({...here.view})")
    page.wheel(400, 300, -300)
    near = page.value("({...here.view})")
    assert near["scale"] > before["scale"]
    page.drag(600, 690, -120, -60)
    moved = page.value("({...here.view})")
    assert moved["x"] == pytest.approx(near["x"] - 120, abs=45)
    page.value("document.getElementById('zoom-out').focus()")
    page.press("Enter")
    assert page.value("here.view.scale") == pytest.approx(moved["scale"] / 1.25)
    x, y = page.value(
        "(b => [b.left + 5, b.top + 5])(document.getElementById('fit').getBoundingClientRect())"
    )
    page.click(x, y)
    assert page.value("here.view.scale") == pytest.approx(before["scale"])


def test_two_fingers_zoom(page):
    before = page.value("here.view.scale")
    page.touch("touchStart", (400, 300), (500, 300))
    page.touch("touchMove", (350, 300), (550, 300))
    page.touch("touchEnd")
    assert page.value("here.view.scale") > 1.5 * before


def test_a_group_opens_and_closes_by_mouse_and_keys(page):
    page.click(*middle(page, "ten_steps"), count=2)
    assert page.value("here.title") == "ten_steps" and page.value("here.nodes.length") > 5
    assert page.value("[...path.querySelectorAll('button')].map(b => b.textContent)") == [
        "mandelbrot", "ten_steps"
    ]  # fmt: skip
    look(page, "group")
    page.value("stage.focus()")
    page.press("Escape")
    assert page.value("here.title") == "mandelbrot"
    page.press("ArrowRight")
    assert page.value("chosen.name") == page.value("here.nodes[0].name")
    for _ in range(8):
        page.press("ArrowRight")
    assert page.value("chosen.name") == "mandelbrot", "arrow keys follow the wires to the right"
    page.press("ArrowLeft")
    assert page.value("chosen.inside") is not None
    page.press("Enter")
    assert page.value("here.parent") == 0


def test_a_search_finds_nodes_also_inside_groups(page):
    page.value("stage.focus()")
    page.press("/", "/")
    page.write("length")
    found = page.value("[...side.querySelectorAll('li')].map(li => li.textContent)")
    assert found and all("length" in text.lower() for text in found)
    page.press("Enter")
    assert "length" in page.value("chosen.name") and page.value("here.index") > 0


def test_the_theme_is_the_readers_until_it_is_switched(browser, tmp_path):
    document = flow.load(resources.example("spirals"))
    values = Evaluator(document).previews().values
    path = saved(tmp_path, "spirals", document, values=values)
    ground = "getComputedStyle(document.body).backgroundColor"
    for dark, width, height in ((False, 1280, 720), (True, 1280, 720), (False, 390, 844)):
        browser.open(path, width, height, dark)
        expected = "rgb(20, 23, 26)" if dark else "rgb(243, 244, 241)"
        assert browser.value(ground) == expected
        look(browser, f"spirals_{width}_{'dark' if dark else 'light'}")
    browser.value("document.getElementById('theme').click()")
    assert browser.value(ground) == "rgb(20, 23, 26)"
    assert browser.value("document.documentElement.scrollWidth") <= 390, "nothing sticks out"
    calm(browser)


def test_nodes_have_names_and_roles_for_screen_readers(page):
    tree = page.ask("Accessibility.getFullAXTree")["nodes"]
    names = {n["name"]["value"] for n in tree if n.get("role", {}).get("value") == "button"}
    assert "mandelbrot, Log1p" in names and "Zoom in" in names


def test_hostile_texts_stay_texts(browser, tmp_path):
    document = Document()
    node = commands.add_node(document, "hologram" + HOSTILE, (0, 0), "a")
    commands.add_frame(document, (-50, -80, 600, 300), title=HOSTILE)
    frame = next(iter(document.frames))
    commands.set_frame(document, frame, note=HOSTILE, color=HOSTILE)
    text = type(make_preview(np.array(1, np.float32)))("text", text=HOSTILE)
    browser.open(saved(tmp_path, "hostile", document, values={"a": text}))
    browser.value(
        f"choose(here.byId.get({str(node)!r}))"
        if isinstance(node, str)
        else "choose(here.nodes[0])"
    )
    assert browser.value("window.hacked") is None
    assert "onerror" in said(browser), "the text is shown as it is"
    assert browser.value("document.querySelectorAll('img').length") == 0
    calm(browser)


def test_the_saved_graph_is_the_graph(page):
    text = page.value("document.querySelector('metadata').textContent")
    assert text == flow.dumps(flow.load(resources.example("mandelbrot")))


def test_a_thousand_nodes_take_three_megabytes(browser, tmp_path):
    document = many(1000)
    random = np.random.default_rng(0)
    preview = make_preview(random.random((40, 40)))
    values = {record.name: preview for record in document.nodes.values()}
    path = saved(tmp_path, "many", document, values=values)
    assert path.stat().st_size < 3_000_000
    browser.open(path)
    assert browser.value("here.nodes.length") == 1000
    calm(browser)


def test_cards_near_the_middle_get_their_contents_at_rest(browser, tmp_path):
    """A frame with the contents of all cards of a large graph would take half a second."""
    browser.open(saved(tmp_path, "many", many(1000)))
    count = "document.querySelectorAll('.close').length"
    assert browser.value(count) == 0, "the whole graph is small: only names"
    browser.value("zoom(0.5 / here.view.scale)")
    until(browser, "here.nodes.some(n => n.near) && settle === 0")
    until(browser, f"{OUTSIDE}.length === 0")
    assert 40 < browser.value(count) < 400
    browser.drag(400, 300, -300, -200)
    until(browser, f"settle === 0 && {OUTSIDE}.length === 0")
    browser.value("fit()")
    until(browser, f"{count} === 0")
    until(browser, "!here.world.classList.contains('sharp')")
    calm(browser)


OUTSIDE = """here.nodes.filter(node => {
  const place = element(here, node).getBoundingClientRect();
  return place.right > 0 && place.left < stage.clientWidth && place.bottom > 60
    && place.top < innerHeight && !node.near;
})"""
"""The nodes in sight that show only their names."""


def until(page: Browser, condition: str) -> None:
    for _ in range(1200):
        if page.value(condition):
            return
        time.sleep(0.05)
    raise AssertionError(condition)


def many(count: int) -> Document:
    document = Document()
    with document.transaction("Add nodes"):
        for index in range(count):
            commands.add_node(document, "add", (index % 40 * 260, index // 40 * 260))
    return document

"""Both themes meet WCAG AA: text 4.5 to 1, drawn signs 3 to 1."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

import nodeflow.ops  # noqa: F401
from nodeflow.document.analysis.declarations import declarations
from nodeflow.graph.types import DTYPES
from nodeflow.ui.core import theme as themes
from nodeflow.ui.core.theme import DARK, LIGHT, Theme, contrast, mix
from nodeflow.ui.core.theme_manager import ThemeManager

BOTH = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
GROUNDS = ("canvas", "surface", "raised", "sunken")


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@BOTH
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("ink", ["ink", "ink_muted", "ink_faint", "accent", "error", "warning"])
def test_text_can_be_read_on_every_ground(theme, ground, ink):
    assert contrast(theme.color(ink), theme.color(ground)) >= 4.5


@BOTH
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("on_accent", "accent"),
        ("error", "error_soft"),
        ("warning", "warning_soft"),
        ("ink_muted", "accent_soft"),
        ("accent", "accent_soft"),
        ("ink", "accent_soft"),
        ("ok", "raised"),
    ],
)
def test_badges_can_be_read(theme, ink, ground):
    assert contrast(theme.color(ink), theme.color(ground)) >= 4.5


@BOTH
@pytest.mark.parametrize("ground", ["canvas", "raised"])
def test_ports_and_wires_stand_out(theme, ground):
    for dtype in (*DTYPES, None):
        assert contrast(theme.dtype(dtype), theme.color(ground)) >= 3


@BOTH
def test_signs_of_categories_stand_out_on_their_tiles(theme):
    for op in declarations():
        color = theme.category(op.category)
        tile = mix(theme.color("raised"), color, 0.14)
        assert contrast(color, tile) >= 3, op.category


@BOTH
def test_every_category_of_the_registry_has_a_colour_of_its_own(theme):
    names = {op.category.lower() for op in declarations() if not op.own}
    assert names <= set(theme.categories)
    colors = [theme.categories[name] for name in sorted(names)]
    assert len(set(colors)) == len(colors)


@BOTH
def test_every_colour_is_one(theme):
    for role in themes.color_roles():
        assert QColor.isValidColorName(getattr(theme, role)), role


def test_bundled_fonts_are_registered(qapp):
    assert themes.font_families() == ("Inter", "JetBrains Mono")


def test_one_signal_brings_another_theme_to_every_widget(window, qtbot):
    window.pages.show_welcome()
    window.pages.show_canvas()
    window.panels["training"].preload()
    window.themes.set_theme(DARK)
    themed = {
        type(widget).__name__: getattr(widget, "_theme", None) or getattr(widget, "theme", None)
        for widget in window.findChildren(QWidget)
    }
    themed = {name: theme for name, theme in themed.items() if isinstance(theme, Theme)}
    themed["CanvasView"] = window.canvas.renderer.theme
    assert {"Inspector", "CurvePlot", "QuickPick", "PictureView"} <= set(themed)
    assert {name for name, theme in themed.items() if theme is not DARK} == set()


def test_a_theme_is_followed_from_the_start_and_only_when_it_changes(qapp):
    themes, seen = ThemeManager(LIGHT), []
    themes.follow(seen.append)
    themes.set_theme(LIGHT)
    assert seen == [LIGHT]
    try:
        themes.set_theme(DARK)
        assert seen == [LIGHT, DARK]
        assert qapp.property("theme") == "dark"
    finally:
        themes.set_theme(LIGHT)


@pytest.mark.parametrize("scales", [(1,), (1, 2), (1, 3)])
def test_icons_are_crisp_on_every_screen(qapp, monkeypatch, scales):
    monkeypatch.setattr(themes, "_scales", lambda: scales)
    icon = themes.icon("play", LIGHT)
    assert {size.width() for size in icon.availableSizes()} == {20 * scale for scale in scales}


def test_the_scales_of_icons_cover_the_screens(qapp):
    ratios = [screen.devicePixelRatio() for screen in qapp.screens()]
    assert max(themes._scales()) >= max(ratios)

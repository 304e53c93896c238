"""Both themes meet WCAG AA: text 4.5 to 1, drawn signs 3 to 1."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

import nodeflow.ops  # noqa: F401
from nodeflow.document.analysis.declarations import declarations
from nodeflow.graph.types import DTYPES
from nodeflow.ui.core.theming import theme as themes
from nodeflow.ui.core.theming.theme import DARK, LIGHT, Theme, contrast, mix
from nodeflow.ui.core.theming.theme_manager import ThemeManager

BOTH = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
MARKS = ("added", "removed", "changed")
STATES = ("ok", "warning", "error")
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
        *((mark, ground) for mark in MARKS for ground in ("canvas", "surface", "raised")),
    ],
)
def test_badges_can_be_read(theme, ink, ground):
    assert contrast(theme.color(ink), theme.color(ground)) >= 4.5


DEFICIENT = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
               (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
               (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
               (0.004733, 0.691367, 0.303900)),
}  # fmt: skip
"""What people without one kind of cone see of linear RGB (Machado, Oliveira, Fernandes 2009)."""


def lab(color: QColor, sees: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """CIELAB (D65) of what is seen of a colour."""
    rgb = np.array([color.redF(), color.greenF(), color.blueF()])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(sees) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    part = np.array(to_xyz) @ seen / [0.9505, 1.0, 1.089]
    f = np.where(part > 0.008856, np.cbrt(part), 7.787 * part + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@BOTH
@pytest.mark.parametrize("sees", [*DEFICIENT.values(), np.eye(3)], ids=[*DEFICIENT, "all"])
@pytest.mark.parametrize("roles", [MARKS, STATES], ids=["comparison", "states"])
def test_marks_differ_for_colour_blind_people(theme, roles, sees):
    for one, other in combinations(roles, 2):
        gap = np.linalg.norm(lab(theme.color(one), sees) - lab(theme.color(other), sees))
        assert gap >= 20, (one, other, gap)


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
    assert len(list(window.panels.values())) > 10, "all are made"
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


@pytest.mark.parametrize(
    ("scheme", "theme"),
    [("Dark", DARK), ("Light", LIGHT), ("Unknown", LIGHT)],
)
def test_the_theme_of_the_desktop_is_light_where_it_has_none(qapp, monkeypatch, scheme, theme):
    hints = SimpleNamespace(colorScheme=lambda: Qt.ColorScheme[scheme])
    monkeypatch.setattr(themes.QGuiApplication, "styleHints", lambda: hints)
    assert themes.system_theme() is theme


@pytest.mark.parametrize("scales", [(1,), (1, 2), (1, 3)])
def test_icons_are_crisp_on_every_screen(qapp, monkeypatch, scales):
    monkeypatch.setattr(themes, "_scales", lambda: scales)
    icon = themes.icon("play", LIGHT)
    assert {size.width() for size in icon.availableSizes()} == {20 * scale for scale in scales}


def test_the_scales_of_icons_cover_the_screens(qapp):
    ratios = [screen.devicePixelRatio() for screen in qapp.screens()]
    assert max(themes._scales()) >= max(ratios)

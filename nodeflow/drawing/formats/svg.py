"""Drawings written as SVG: text stays text, colors are of one theme, pictures are embedded.

Texts from files are escaped only here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from html import escape

from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.cards.card_looks import GRID, GRID_DOT
from nodeflow.drawing.formats.png_data import data_uri
from nodeflow.drawing.geometry import Rect
from nodeflow.drawing.graph_drawing import Drawing, DrawnFrame, DrawnNode, DrawnWire
from nodeflow.drawing.shapes import Box, Clipped, Icon, Path, Picture, Shape, Text
from nodeflow.drawing.theme_colors import Ink, Palette
from nodeflow.resources import resource
from nodeflow.visible_text import visible

SANS = "Inter, 'Helvetica Neue', Arial, sans-serif"
MONO = "'JetBrains Mono', Menlo, Consolas, monospace"
SET_WIDTH = 60.0
"""Width from which on a text keeps its width in any font."""
Style = dict[str, str]
Inks = dict[str, str | Ink]
_ANCHORS = {"center": "middle", "right": "end"}
_INSIDE = re.compile(r"<svg\b[^>]*>(.*)</svg>", re.DOTALL)
_SPACES = re.compile(r">\s+<")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def graph_svg(drawing: Drawing, palette: Palette, title: str = "nodeflow graph") -> str:
    """Return a drawing as an SVG file in the colours of a theme."""
    writer = SvgWriter(palette)
    area = drawing.area
    body = writer.graph(drawing)
    box = " ".join(number(part) for part in area)
    size = f'width="{area.width:.0f}" height="{area.height:.0f}"'
    ground, dots = palette.canvas, palette.grid
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{size} viewBox="{box}" role="img" font-family="{SANS}">\n'
        f"<title>{plain(title)}</title>\n"
        f"<defs>{grid('grid', dots)}{''.join(writer.defs.values())}</defs>\n"
        f'{rect_of(area)} fill="{ground}"/>\n{rect_of(area)} fill="url(#grid)"/>\n'
        f"{body}</svg>\n"
    )


class SvgWriter:
    """A writer of shapes as elements of SVG.

    Attributes:
        defs: the definitions that the elements refer to, by id.
    """

    def __init__(self, palette: Palette) -> None:
        self._palette = palette
        self.defs: dict[str, str] = {}

    def graph(self, drawing: Drawing) -> str:
        """Return the SVG elements of a graph, one on each line, from back to front: frames, wires,
        arcs, nodes.
        """
        lines = [self.frame(frame) for frame in drawing.frames]
        lines += [self.wire(wire) for wire in drawing.wires]
        lines += [self.shape(arc) for arc in drawing.arcs]
        lines += [self.node(node) for node in drawing.nodes]
        return "\n".join([*lines, ""])

    def frame(self, frame: DrawnFrame) -> str:
        return f'<g class="frame">{self.shapes(frame.shapes)}</g>'

    def wire(self, wire: DrawnWire) -> str:
        return self.shapes(wire.shapes)

    def node(self, node: DrawnNode) -> str:
        place = f"translate({number(node.rect.left)} {number(node.rect.top)})"
        words = plain(f"{node.card.title}: {node.card.subtitle}")
        body = self.shapes(node.shapes)
        return f'<g class="node" transform="{place}"><title>{words}</title>{body}</g>'

    def shapes(self, shapes: Iterable[Shape]) -> str:
        return "".join(map(self.shape, shapes))

    def shape(self, shape: Shape) -> str:
        """Return one shape as an element."""
        if isinstance(shape, Box):
            radius = {"rx": number(shape.radius)} if shape.radius else {}
            return self._element("rect", {**box(shape.rect), **radius}, _paint(shape))
        if isinstance(shape, Path):
            return self._element("path", {"d": shape.data}, _paint(shape))
        if isinstance(shape, Text):
            return self._text(shape)
        if isinstance(shape, Icon):
            return self._icon(shape)
        if isinstance(shape, Picture):
            return self.picture(shape)
        if isinstance(shape, Clipped):
            name = "clip" + "_".join(map(number, shape.rect))
            self.defs[name] = f'<clipPath id="{name}">{rect_of(shape.rect)}/></clipPath>'
            return f'<g clip-path="url(#{name})">{self.shapes(shape.shapes)}</g>'
        return f'<g opacity="{shape.opacity:g}">{self.shapes(shape.shapes)}</g>'

    def color(self, ink: Ink) -> str:
        """Return the value of a colour."""
        return self._palette.hex(ink.role)

    def attributes(self, places: Style) -> str:
        """Return the attributes of an element that give its position and size."""
        return "".join(f' {name}="{value}"' for name, value in places.items())

    def looks(self, style: Style) -> str:
        """Return the SVG attributes for a style, such as fill, stroke and font."""
        return self.attributes(style)

    def picture(self, shape: Picture) -> str:
        return self.image(shape, data_uri(shape.pixels(self._palette)))

    def image(self, shape: Picture, uri: str, kind: str = "") -> str:
        """Return an embedded picture; ``kind`` is its CSS class."""
        places = box(shape.rect) | {"preserveAspectRatio": "none", "xlink:href": uri}
        if not shape.smooth:
            places["image-rendering"] = "pixelated"
        if kind:
            places["class"] = kind
        return f"<image{self.attributes(places)} />"

    def _element(self, tag: str, places: Style, inks: Inks, content: str | None = None) -> str:
        style = {}
        for name, value in inks.items():
            style[name] = self.color(value) if isinstance(value, Ink) else value
            if isinstance(value, Ink) and value.alpha != 1.0:
                style[f"{name}-opacity"] = f"{value.alpha:g}"
        head = f"<{tag}{self.attributes(places)}{self.looks(style)}"
        return f"{head}/>" if content is None else f"{head}>{content}</{tag}>"

    def _text(self, shape: Text) -> str:
        size, weight, mono = shape.style
        style: Inks = {"font-size": f"{number(size)}px", "fill": shape.ink}
        if weight != 400:
            style["font-weight"] = str(weight)
        if mono:
            style["font-family"] = MONO
        if shape.align != "left":
            style["text-anchor"] = _ANCHORS[shape.align]
        places = {"x": number(shape.x), "y": number(shape.y)}
        width = texts.width(shape.text, shape.style)
        if width > SET_WIDTH:  # where the font is missing, a wider one must not run over borders
            places["textLength"] = f"{width:.0f}"
        return self._element("text", places, style, plain(shape.text))

    def _icon(self, shape: Icon) -> str:
        name = f"icon-{shape.name}"
        if name not in self.defs:
            line = 'fill="none" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'
            self.defs[name] = f'<g id="{name}" {line}>{_icon_body(shape.name)}</g>'
        left, top, side, _ = shape.rect
        move = f"translate({number(left)} {number(top)}) scale({number(side / 24)})"
        style: Inks = {"stroke": shape.ink}
        if "currentColor" in self.defs[name]:
            style["color"] = shape.ink
        return self._element("use", {"xlink:href": f"#{name}", "transform": move}, style)


def _paint(shape: Box | Path) -> Inks:
    style: Inks = {"fill": "none" if shape.fill is None else shape.fill}
    pen = shape.pen
    if pen is None:
        return style
    style["stroke"] = pen.ink
    if pen.width != 1.0:
        style["stroke-width"] = number(pen.width)
    if pen.dash:
        style["stroke-dasharray"] = " ".join(map(number, pen.dash))
    if pen.is_round:
        style["stroke-linejoin"] = "round"
    return style


def grid(name: str, color: str) -> str:
    """Return the pattern for the dots of the background."""
    corner = f"{-GRID_DOT / 2:g}"
    square = f'<rect width="{GRID_DOT}" height="{GRID_DOT}" fill="{color}"/>'
    size = f'x="{corner}" y="{corner}" width="{GRID:g}" height="{GRID:g}"'
    return f'<pattern id="{name}" {size} patternUnits="userSpaceOnUse">{square}</pattern>'


def plain(text: str) -> str:
    """Return a text as the content of an element: escaped, without characters that XML forbids."""
    return escape(_NOT_XML.sub("\ufffd", visible(text)))


def box(rect: Rect) -> Style:
    """Return a rectangle's position and size as SVG attributes x, y, width and height."""
    return dict(zip(("x", "y", "width", "height"), map(number, rect), strict=True))


def rect_of(rect: Rect) -> str:
    """Return the start of an SVG `<rect` element with position and size; further attributes can
    follow.
    """
    return "<rect" + "".join(f' {name}="{value}"' for name, value in box(rect).items())


def number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


@lru_cache(maxsize=256)
def _icon_body(name: str) -> str:
    text = resource(f"icons/{name}.svg").read_text(encoding="utf-8")
    found = _INSIDE.search(text)
    if found is None:
        raise ValueError(f"{name}.svg is no SVG")
    return _SPACES.sub("><", found[1].strip())

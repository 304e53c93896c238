"""Sphinx configuration of the documentation site (``make docs``).

The op reference and the command-line reference are generated from their declarations into
``reference/generated`` before Sphinx reads its sources. The pages of integrations are copied from
their folders into ``integrations``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tools")]

import nodeflow  # noqa: E402
from nodeflow import manifests  # noqa: E402

project = "nodeflow"
author = "The nodeflow authors"
copyright = "The nodeflow authors"
version = release = nodeflow.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
default_role = "literal"
highlight_language = "text"
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_static_path = ["_static"]
html_extra_path = ["../build/pages"]  # written by tools/make_pages.py
html_css_files = ["site.css"]
html_title = "nodeflow"
html_favicon = "../resources/icons/nodeflow.svg"


def generate(app: Sphinx) -> None:
    """Write the generated pages, but only where they changed, so that builds stay incremental."""
    import make_reference

    write_pages(HERE / "reference" / "generated", make_reference.pages())
    write_pages(HERE / "integrations", integration_pages())


def integration_pages() -> dict[str, str]:
    """Return the pages of integrations by file name: guides, generated pages, and their list."""
    guides = {one.name: one.folder / manifests.GUIDE for one in manifests.integrations()}
    made = {offer.name: offer.load()() for offer in manifests.offers("page")}
    pages = {f"{name}.md": text for name, text in made.items()} | {
        f"{name}.md": guide.read_text(encoding="utf-8").replace("](../../../docs/", "](../")
        for name, guide in guides.items()
    }
    return {"index.md": list_of_pages(sorted(pages)), **pages}


def list_of_pages(names: list[str]) -> str:
    """Return the page that lists the pages of integrations."""
    listed = ":::{toctree}\n:maxdepth: 1\n\n" + "\n".join(names) + "\n:::\n"
    return "# With other software\n\n" + (listed if names else "There are no integrations here.\n")


def write_pages(folder: Path, pages: dict[str, str]) -> None:
    """Write pages where they changed, and remove all others from the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.glob("*.md"):
        if path.name not in pages:
            path.unlink()


def setup(app: Sphinx) -> None:
    app.connect("config-inited", lambda app, config: generate(app))

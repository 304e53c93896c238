"""The parts of the metadata that need the project's address, for hatchling.

``project-url`` in pyproject.toml is the only place of the address, ``name`` the only place of the
distribution's name. While the address is empty, the metadata names none.
"""

from __future__ import annotations

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(?P<picture>!?)(?P<text>\[[^\]]*\])\((?P<to>[^)\s]+)\)")
SOURCE = re.compile(r'(?P<name>src|srcset|href)="(?P<to>[^"]+)"')


class ProjectMetadata(MetadataHookInterface):
    """The long description, with links that work outside of the repository, and the addresses."""

    def update(self, metadata: dict) -> None:
        """Add ``readme`` and ``urls``."""
        url = self.config["project-url"]
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(text, url)}
        metadata["urls"] = urls(url)


def urls(url: str) -> dict[str, str]:
    """Return the project's addresses by their labels."""
    if not url:
        return {}
    return {"Homepage": url, "Changelog": f"{url}/blob/main/CHANGELOG.md"}


def absolute(text: str, url: str) -> str:
    """Return a Markdown text with the address before its relative links and pictures."""
    if not url:
        return text

    def place(to: str, kind: str) -> str:
        is_relative = not re.match(r"[a-z]+:|#|/", to)
        return f"{url}/{kind}/main/{to}" if is_relative else to

    def link(match: re.Match[str]) -> str:
        to = place(match["to"], "raw" if match["picture"] else "blob")
        return f"{match['picture']}{match['text']}({to})"

    def source(match: re.Match[str]) -> str:
        to = place(match["to"], "blob" if match["name"] == "href" else "raw")
        return f'{match["name"]}="{to}"'

    return SOURCE.sub(source, LINK.sub(link, text))

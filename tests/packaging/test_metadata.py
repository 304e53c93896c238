"""Name and address of the project have one place; before they are set, no text names an address."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

URL = "https://example.org/graphs"
INDEX = re.compile(
    r"(?:(?:pip3?|pipx|uv tool|uv pip|uv) (?:install|add)|uvx|pipx run) "
    r"[^\n`]*\bnodeflow(?!\S*\.whl)"
)
"""A command that would ask a package index for nodeflow."""
ADDRESS = re.compile(r"https?://\S*(?:git|pypi|readthedocs)\S*nodeflow")


@pytest.fixture
def metadata(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "packaging"))
    return importlib.import_module("metadata")


@pytest.fixture(scope="module")
def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def address(project: dict) -> str:
    return project["tool"]["hatch"]["metadata"]["hooks"]["custom"]["project-url"]


def texts(root: Path) -> list[Path]:
    """Return the files of the checkout that people read."""
    kinds = (".md", ".py", ".toml", ".json", ".yml", ".html", ".flow", ".txt")
    folders = ("nodeflow", "docs", "resources", "examples", "tools", "packaging", ".github")
    found = [path for folder in folders for path in (root / folder).rglob("*")]
    return [path for path in [*root.iterdir(), *found] if path.suffix in kinds and path.is_file()]


def test_no_text_names_an_index_or_an_address_before_it_is_set(root, project):
    if address(project):
        pytest.skip("a person set the address")
    read = texts(root)
    assert root / "README.md" in read and len(read) > 500
    found = {
        path.relative_to(root).as_posix(): match[0]
        for path in read
        if (text := path.read_text(encoding="utf-8"))
        and (match := INDEX.search(text) or ADDRESS.search(text))
    }
    assert found == {}


def test_commands_and_addresses_are_found():
    for text in ("pip install nodeflow", "uv tool install 'nodeflow-studio[onnx]'", "uvx nodeflow"):
        assert INDEX.search(text), text
    assert not INDEX.search("pip install . && nodeflow".replace("&& ", "\n"))
    assert not INDEX.search("pip install dist/nodeflow_studio-0.1.0-py3-none-any.whl")
    assert ADDRESS.search("https://github.com/someone/nodeflow")


def test_extras_name_the_distribution_as_it_is_called(project):
    name = project["project"]["name"]
    for extra in project["project"]["optional-dependencies"].values():
        for requirement in extra:
            assert "[" not in requirement or not requirement.startswith("nodeflow") or (
                requirement.startswith(f"{name}[")
            )  # fmt: skip


def test_links_of_the_readme_become_absolute(metadata, root):
    text = metadata.absolute((root / "README.md").read_text(encoding="utf-8"), URL)
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 10
    assert all(re.match("https?://|#", link) for link in links), links
    for link in links:
        if link.startswith(URL):
            name = re.sub(r"/(blob|raw)/main/", "", link.removeprefix(URL))
            assert (root / name).exists(), link


def test_pictures_and_other_links_are_told_apart(metadata):
    text = (
        '![a](x.png) [b](y.md) [c](https://z.org) [d](#e) <source srcset="p.webp"> <a href="q.md">'
    )
    assert metadata.absolute(text, URL) == (
        f"![a]({URL}/raw/main/x.png) [b]({URL}/blob/main/y.md) [c](https://z.org) [d](#e) "
        f'<source srcset="{URL}/raw/main/p.webp"> <a href="{URL}/blob/main/q.md">'
    )
    assert metadata.absolute(text, "") == text


@pytest.mark.parametrize("url", ["", URL])
def test_the_build_writes_the_address_only_if_it_is_set(root, project, url):
    config = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    config["tool"]["hatch"]["metadata"]["hooks"]["custom"]["project-url"] = url
    core = ProjectMetadata(str(root), PluginManager(), config).core
    assert list(core.urls.values()) == ([url, f"{url}/blob/main/CHANGELOG.md"] if url else [])
    assert ("example.org" in core.readme) is bool(url)
    assert core.readme_content_type == "text/markdown"
    assert core.name == project["project"]["name"]

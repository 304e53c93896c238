"""Manifests say what is there, and reading them imports nothing."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from nodeflow import manifests
from nodeflow.manifests import PURPOSES, NotOffered, SoftwareMissing, integrations, offer, offers

OFFERS = [one for purpose in PURPOSES for one in offers(purpose)]
ASKED = re.compile(r"\boffers?\(\s*\"(\w+)\"")


def modules(root: Path) -> list[Path]:
    inside = root / "nodeflow" / "integrations"
    found = (root / "nodeflow").rglob("*.py")
    own = [path for path in found if not path.is_relative_to(inside)]
    return [*own, root / "docs" / "conf.py"]


@pytest.mark.parametrize("one", OFFERS, ids=lambda one: f"{one.purpose}-{one.name}")
def test_an_offer_has_the_fields_of_its_purpose_and_an_object(one) -> None:
    assert set(one.fields) - {"object"} <= set(PURPOSES[one.purpose].fields)
    assert one.load() is not None


@pytest.mark.parametrize("one", integrations(), ids=lambda one: one.name)
def test_an_integration_has_an_extra_and_a_page(one, root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if one.software is not None:
        extras = project["optional-dependencies"].values()
        assert any(one.software.package in extra for extra in extras), "pyproject.toml lacks it"
    assert (one.folder / manifests.GUIDE).read_text(encoding="utf-8").startswith("# ")
    assert (root / "tests" / "integrations" / one.name).is_dir()


def test_every_purpose_is_asked_for_and_every_manifest_keeps_to_them(root: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in modules(root)]
    assert {name for text in texts for name in ASKED.findall(text)} == set(PURPOSES)
    for path in manifests.FOLDER.glob(f"*/{manifests.MANIFEST}"):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        assert set(manifest) <= {"title", "software", "shim", "offers"}
        assert set(manifest["offers"]) <= set(PURPOSES)


def test_an_object_is_found_in_the_folder_alone() -> None:
    one = offer("projection", "tsne")
    assert one.module == "nodeflow.integrations.tsne.embedding"
    assert one.load().__module__ == one.module


def test_a_name_that_nobody_offers_is_said_with_those_that_there_are(without) -> None:
    with pytest.raises(NotOffered, match=r"'umap' here\. Choose pca or tsne, or install"):
        offer("projection", "umap", ["pca"])
    with pytest.raises(NotOffered, match=r"Did you mean tsne\?"):
        offer("projection", "tsn", ["pca"])
    without("tsne")
    with pytest.raises(NotOffered, match=r"'tsne' here\. Choose pca, or install"):
        offer("projection", "tsne", ["pca"])


def test_software_that_is_not_installed_is_said_with_what_installs_it() -> None:
    software = manifests.Software("Optuna", "no_optuna_here", "optuna>=4.0")
    one = manifests.Integration("optuna", "Optuna", software, Path())
    with pytest.raises(SoftwareMissing) as refused:
        one.check_software()
    text = refused.value.text("cli")
    assert text == "Optuna is not installed. pip install 'optuna>=4.0' brings it."


def test_two_offers_with_one_name_are_refused(tmp_path: Path, monkeypatch) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        text = json.dumps({"title": name, "offers": {"projection": {"x": {"object": "m:f"}}}})
        (tmp_path / name / manifests.MANIFEST).write_text(text)
    monkeypatch.setattr(manifests, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="another integration offers projection 'x'"):
        manifests._all_offers.__wrapped__()

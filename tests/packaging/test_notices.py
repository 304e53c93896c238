"""The notices of the bundle: each distribution that it carries has a licence text."""

from __future__ import annotations

import importlib
import re
import tomllib
from importlib.metadata import Distribution
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from nodeflow import resources
from nodeflow.ui.popups.dialogs.confirmation_dialogs import AboutDialog, LicencesDialog


@pytest.fixture
def notices(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "packaging"))
    return importlib.import_module("notices")


def carried(root: Path) -> set[str]:
    """Return the names of the distributions that the bundle carries, with all that they need."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting = [*project["dependencies"], *project["optional-dependencies"]["onnx"]]
    names: set[str] = set()
    while waiting:
        requirement = Requirement(waiting.pop())
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and requirement.name not in names:
            names.add(requirement.name)
            waiting += Distribution.from_name(requirement.name).requires or []
    return names


def test_each_distribution_has_a_licence_text(notices, root):
    names = carried(root)
    assert {"numpy", "PySide6-Essentials", "llvmlite", "onnx"} <= names
    for name in names:
        text = "\n".join(notices.distribution_texts(Distribution.from_name(name)))
        assert re.search(r"permission|redistribution|license", text, re.IGNORECASE), name


def test_notices_of_qt_say_how_to_replace_it(notices):
    text = "\n".join(notices.distribution_texts(Distribution.from_name("PySide6-Essentials")))
    assert "How to replace Qt" in text and "LESSER GENERAL PUBLIC LICENSE" in text


def test_notices_of_numpy_name_its_blas(notices):
    assert "OpenBLAS" in "\n".join(notices.distribution_texts(Distribution.from_name("numpy")))


def test_a_distribution_without_a_licence_text_is_named(notices, tmp_path):
    folder = tmp_path / "bare-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: bare\nVersion: 1.0\n")
    with pytest.raises(LookupError, match="bare has no licence text; put one into licences/"):
        notices.distribution_texts(Distribution.at(folder))


def test_a_file_without_an_owner_is_named(notices, tmp_path):
    stray = tmp_path / "libstray.so"
    stray.touch()
    with pytest.raises(LookupError, match=r"libstray\.so belongs to no distribution"):
        notices.debian_package(stray)


def test_fonts_name_their_licence(notices, root):
    fonts = {path.name: notices.font_notice(path) for path in (root / "resources/fonts").iterdir()
             if path.suffix in (".otf", ".ttf")}  # fmt: skip
    assert len(fonts) == 6
    assert all("SIL Open Font License" in text for text in fonts.values())
    ziafont = Distribution.from_name("ziafont").locate_file("ziafont/fonts/DejaVuSans.ttf")
    assert "Bitstream" in notices.font_notice(Path(str(ziafont)))


def test_own_notices_hold_each_licence_of_a_resource(notices, root):
    text = notices.nodeflow_notices()
    for path in [root / "LICENSE", *(root / "resources").glob("*/*LICENSE*")]:
        assert path.read_text(encoding="utf-8") in text
    assert "public domain" in text  # the text samples


def test_about_shows_the_licences_of_a_bundle(qtbot, monkeypatch, tmp_path):
    about = AboutDialog(parent := QWidget())
    qtbot.addWidget(parent)

    def shown() -> str:
        qtbot.mouseClick(about.licences, Qt.MouseButton.LeftButton)
        (dialog,) = about.findChildren(LicencesDialog)
        text = dialog.text.toPlainText()
        dialog.setParent(None)
        dialog.close()
        return text

    assert "SIL Open Font License" in shown()
    (tmp_path / "NOTICES.txt").write_text("numpy 1.2.3", encoding="utf-8")
    monkeypatch.setattr(resources, "_root", lambda name: tmp_path)
    assert shown() == "numpy 1.2.3"

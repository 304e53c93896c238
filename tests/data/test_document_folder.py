"""What a document may read: its folder, the data that come with nodeflow, and what was allowed."""

from __future__ import annotations

import ntpath
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from nodeflow.data import document_folder
from nodeflow.data.catalog import dataset_columns, open_dataset
from nodeflow.data.document_folder import DocumentFolder, allowance, local_path, may_read
from nodeflow.data.errors import DataNotFound, OutsideData
from nodeflow.resources import MissingResource, resource
from tests import own_data
from tests.touched import touched

TABLE = "a,b\n1,2\n3,4\n5,6\n"
UNC = [
    "//host/share/x.csv",
    r"\\host\share\x.csv",
    "file://host/share/x.csv",
    r"/\host\share\x.csv",
]


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """The document's folder, and another with data."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        (folder / "x.csv").write_text(TABLE)
    return here, there


def reads(folder: Path | str, written: str, *allowed: str | Path) -> bool:
    reach = DocumentFolder(str(folder), tuple(p for a in allowed for p in allowance(a)))
    return reach.may_read(reach.place(written))


@pytest.mark.thorough
def test_the_recorder_sees_all_ways_of_touching(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    for touch in (
        lambda: os.stat(tmp_path / "a"),
        lambda: (tmp_path / "a").is_file(),
        lambda: os.path.exists(tmp_path / "a"),
        lambda: os.path.realpath(tmp_path / "a"),
        lambda: open(tmp_path / "a").close(),
        lambda: list(tmp_path.iterdir()),
        lambda: os.system(f"cat '{tmp_path}/a'"),
    ):
        with touched(tmp_path) as found:
            touch()
        assert found


@pytest.mark.parametrize("written", ["x.csv", "./x.csv", "sub/../x.csv", "sub/new.csv"])
def test_the_folder_of_the_document_is_its_own(places, written: str) -> None:
    here, _ = places
    (here / "sub").mkdir()
    assert reads(here, written) and reads(here, str(here / written))
    assert reads(here, f"file://{here}/{written}")


@pytest.mark.parametrize(
    "written", ["../there/x.csv", "sub/../../there/x.csv", "{there}/x.csv", "file://{there}/x.csv",
                "FILE:{there}/x.csv", "file://localhost{there}/x.csv", "file:{there}/%78.csv",
                "{here}/../there/x.csv", "./../there", "link.csv", "folder/x.csv", "chain.csv"],
)  # fmt: skip
def test_what_leads_out_is_refused_and_not_touched(places, written: str) -> None:
    here, there = places
    (here / "sub").mkdir()
    (here / "link.csv").symlink_to(there / "x.csv")
    (here / "chain.csv").symlink_to("link.csv")
    (here / "folder").symlink_to("../there")
    written = written.format(here=here, there=there)
    with touched(there) as found:
        assert not reads(here, written)
        with pytest.raises(OutsideData) as error:
            open_dataset(f"csv:{written}", base_dir=DocumentFolder(str(here)))
    assert not found
    assert "--allow-data" in error.value.text("cli") and error.value.port == "source"
    assert len(open_dataset(f"csv:{there}/x.csv", base_dir=here).splits), "a path written in code"


def test_the_home_folder_is_outside(places, monkeypatch) -> None:
    here, there = places
    monkeypatch.setenv("HOME", str(there))
    with touched(there) as found:
        assert not reads(here, "~/x.csv") and not reads(here, "file:~/x.csv")
    assert not found and reads(here, "~/x.csv", there / "x.csv")
    assert reads(here, "~nouser/x.csv"), "a file of an odd name beside the document"


@pytest.mark.parametrize("written", UNC)
def test_another_computer_is_not_touched(places, written: str, monkeypatch) -> None:
    here, _ = places
    reach = DocumentFolder(str(here))
    with touched("//host", r"\\host", "/host", str(here / r"\\host"), r"/\host") as found:
        assert not reach.may_read(reach.place(written))
        with pytest.raises(OutsideData, match="another computer"):
            dataset_columns(f"csv:{written}", base_dir=reach)
    assert not found
    assert reads(here, written, reach.place(written)), "after a yes"


def test_a_link_to_another_computer_is_not_followed(places) -> None:
    here, _ = places
    (here / "x2.csv").symlink_to("//host/share/x.csv")
    with touched("//host", "/host") as found:
        assert not reads(here, "x2.csv")
    assert not found


def test_links_within_the_folder_are_followed_and_loops_end(places) -> None:
    here, _ = places
    (here / "data").mkdir()
    (here / "data" / "y.csv").write_text(TABLE)
    (here / "latest").symlink_to("data")
    (here / "same.csv").symlink_to(here / "latest" / ".." / "x.csv")
    (here / "loop").symlink_to("loop")
    assert reads(here, "latest/y.csv") and reads(here, "same.csv") and not reads(here, "loop/x.csv")


def test_steps_back_are_those_of_the_system_not_of_the_text(places) -> None:
    """``folder/..`` is not the document's folder where ``folder`` is a link."""
    here, there = places
    (there / "deep").mkdir()
    (here / "deep").symlink_to(there / "deep")
    assert not reads(here, "deep/../x.csv")
    assert not reads(here, "deep/../x.csv", there / "deep") and reads(here, "deep/../x.csv", there)


def test_a_folder_that_is_reached_through_a_link(places, tmp_path: Path) -> None:
    here, _ = places
    (tmp_path / "alias").symlink_to(here)
    alias = tmp_path / "alias"
    assert reads(alias, "x.csv") and reads(alias, str(here / "x.csv"))
    assert not reads(alias, "../there/x.csv")
    assert not reads(here, f"{alias}/x.csv"), "to know better, it would have to be touched"


def test_a_yes_is_for_one_file_or_one_folder(places) -> None:
    here, there = places
    (there / "y.csv").write_text(TABLE)
    assert reads(here, "../there/x.csv", there / "x.csv")
    assert not reads(here, "../there/y.csv", there / "x.csv")
    assert not reads(here, "../there/x.csv.more", there / "x.csv")
    assert reads(here, f"{there}/y.csv", there) and not reads(here, f"{there}2/y.csv", there)


def test_a_yes_to_a_link_ends_when_it_leads_elsewhere(places, tmp_path: Path) -> None:
    here, there = places
    link = tmp_path / "link.csv"
    link.symlink_to(there / "x.csv")
    allowed = allowance(link)
    assert may_read(str(here), str(link), allowed)
    link.unlink()
    link.symlink_to("/etc/hostname")
    assert not may_read(str(here), str(link), allowed)


def test_bundled_and_downloaded_data_are_always_allowed(places, monkeypatch) -> None:
    here, there = places
    assert reads(here, str(resource("data/linear.csv")))
    assert dataset_columns("csv:resource:data/linear.csv", base_dir=DocumentFolder(str(here)))
    assert dataset_columns("csv:data/linear.csv", base_dir=DocumentFolder())
    for variable in ("NODEFLOW_DATA_DIR", "XDG_CACHE_HOME"):
        assert not reads(here, str(there / "nodeflow" / "x.csv"))
        monkeypatch.setenv(variable, str(there))
        assert reads(here, str(there / "nodeflow" / "x.csv"))
        monkeypatch.delenv(variable)


@pytest.mark.parametrize("name", ["../../there/x.csv", "{there}/x.csv", "//host/share/x.csv"])
def test_a_bundled_file_is_below_the_bundled_folder(places, name: str) -> None:
    here, there = places
    name = name.format(there=there)
    with touched(there, "//host", "/host") as found, pytest.raises(MissingResource):
        dataset_columns(f"csv:resource:{name}", base_dir=DocumentFolder(str(here)))
    assert not found


def test_a_document_without_a_folder_reads_what_was_allowed(places, monkeypatch) -> None:
    _, there = places
    monkeypatch.chdir(there)
    with touched(there / "x.csv") as found, pytest.raises(OutsideData, match="no folder yet"):
        dataset_columns("csv:x.csv", base_dir=DocumentFolder())
    assert not found and reads("", "x.csv", there / "x.csv")


def test_the_working_folder_holds_data_only_for_who_writes_a_path(places, monkeypatch) -> None:
    here, there = places
    (there / "only.csv").write_text(TABLE)
    monkeypatch.chdir(there)
    assert dataset_columns("csv:only.csv", base_dir=here)
    with pytest.raises(DataNotFound):
        dataset_columns("csv:only.csv", base_dir=DocumentFolder(str(here)))
    allowed = DocumentFolder(str(here)).allowing(str(there))
    assert dataset_columns("csv:only.csv", base_dir=allowed)


@pytest.mark.parametrize("inside", ["train/circle", "circle", "circle/extra.png"])
def test_links_in_a_folder_of_pictures(places, inside: str) -> None:
    """A folder beside the document may hold links that lead anywhere."""
    here, there = places
    own_data.pictures(there / "secret", 3)
    classes = sorted(p for p in (there / "secret").iterdir() if p.is_dir())
    own_data.pictures(here / "shapes", 3)
    target = classes[0] if not inside.endswith(".png") else next(classes[0].glob("*.png"))
    if inside.startswith("train"):
        (here / "shapes" / "train").mkdir()
    link = (
        here
        / "shapes"
        / inside.replace(
            "circle",
            sorted(os.listdir(here / "shapes"))[0] if inside.endswith(".png") else "linked",
        )
    )
    link.symlink_to(target)
    reach = DocumentFolder(str(here))
    with touched(there / "secret", *classes, target) as found, pytest.raises(OutsideData):
        open_dataset("pictures:shapes", base_dir=reach)
    assert not found
    if not inside.startswith("train"):
        assert open_dataset("pictures:shapes", base_dir=reach.allowing(str(there))).splits


def test_a_path_is_taken_as_the_system_takes_it(monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert local_path("~/x.csv") == "/home/me/x.csv" and local_path("a/b.csv") == "a/b.csv"
    assert local_path("file:///a%20b.csv") == "/a b.csv" and local_path("file:/x") == "/x"


@pytest.fixture
def windows(monkeypatch) -> list[str]:
    """The module as it computes on Windows; what is read of links is noted."""
    read: list[str] = []

    def readlink(path: str) -> str:
        read.append(path)
        if path.lower() == r"c:\docs\link.csv":
            return r"\\host\share\x.csv"
        raise OSError

    names = {name: getattr(os, name) for name in ("fspath", "PathLike", "curdir", "pardir")}
    fake = SimpleNamespace(
        **names, path=ntpath, sep="\\", altsep="/", name="nt", getcwd=lambda: r"C:\work",
        readlink=readlink,
    )  # fmt: skip
    monkeypatch.setattr(document_folder, "os", fake)
    monkeypatch.setattr(document_folder, "_data_folders", lambda: ())
    return read


@pytest.mark.parametrize(
    "written", ["x.csv", "sub/x.csv", r"C:\Docs\X.csv", "file:///C:/docs/x.csv", r"sub\..\x.csv"]
)
def test_on_windows_the_folder_is_its_own(windows, written: str) -> None:
    reach = DocumentFolder(r"C:\docs")
    assert reach.may_read(reach.place(written))


@pytest.mark.parametrize(
    "written",
    [r"..\x.csv", "../x.csv", r"C:\x.csv", r"\x.csv", "/x.csv", "D:x.csv", r"D:\docs\x.csv",
     "file:///C:/x.csv", r"\\host\share\x.csv", "//host/share/x.csv", r"/\host\share\x.csv",
     r"\\?\C:\docs\x.csv", r"\\.\pipe\x",
     "file://host/share/x.csv", "file:////host/share/x.csv", "link.csv", r"C:\docs2\x.csv"],
)  # fmt: skip
def test_on_windows_what_leads_out_is_not_touched(windows, written: str) -> None:
    reach = DocumentFolder(r"C:\docs")
    place = reach.place(written)
    assert not reach.may_read(place) and reach.leaves(place)
    assert all(path.lower().startswith(("c:\\docs\\", "c:\\docs")) for path in windows), windows
    reach.refusal(place)

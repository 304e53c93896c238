"""The crash journal: nothing that was edited is lost, and nothing is offered that is not."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given, settings

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.io.journal import Journal, pending, recover
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import JournalError
from nodeflow.paths import journal_folder

from .strategies import actions, perform


@pytest.mark.thorough
@settings(max_examples=80)
@given(actions)
def test_replaying_a_journal_gives_the_same_bytes(tmp_path_factory, acts):
    folder = tmp_path_factory.mktemp("state")
    doc = Document()
    journal = Journal(doc, folder)
    for act in acts:
        perform(doc, act)
    if doc.revision == 0:
        assert journal.path is None and not list(folder.iterdir())
    else:
        again = recover(journal.path).document
        # Ids that were only ever undone are not known to the journal's reader.
        assert flow.dumps(again).split("\n", 1)[1] == flow.dumps(doc).split("\n", 1)[1]
        assert again.is_modified and not again.can_undo
    journal.close()
    assert not list(folder.iterdir())


@pytest.fixture
def doc(tmp_path):
    doc = Document()
    commands.add_node(doc, "constant", (0, 0), "kept")
    flow.save(doc, tmp_path / "graph.flow")
    return doc


def test_saving_removes_the_journal_and_the_next_edit_begins_another(doc, tmp_path):
    folder = tmp_path / "state"
    journal = Journal(doc, folder)
    assert journal.path is None and not folder.exists()
    commands.rename(doc, "n1", "renamed")
    assert recover(journal.path).document.node_named("renamed")
    flow.save(doc)
    journal.saved()
    assert not list(folder.iterdir())
    commands.rename(doc, "n1", "again")
    doc.undo()
    again = recover(journal.path).document
    assert again.node_named("renamed") and again.path == tmp_path / "graph.flow"
    journal.close()
    commands.rename(doc, "n1", "unwatched")
    assert not list(folder.iterdir())


def test_a_frame_comes_back_as_wide_and_as_high_as_it_was(doc, tmp_path):
    journal = Journal(doc, tmp_path / "state")
    frame = commands.add_frame(doc, (10, 20, 300, 150), "Layer", "A note.", "blue")
    commands.set_frame(doc, frame, rect=(10, 20, 400, 50))
    found = recover(journal.path)
    assert found.missing == 0
    assert found.document.frames == doc.frames
    assert found.document.frames[frame].rect == (10, 20, 400, 50)


def test_a_line_that_a_crash_cut_short_is_left_out(doc, tmp_path):
    journal = Journal(doc, tmp_path / "state")
    for name in ("a", "b", "c"):
        commands.rename(doc, "n1", name)
    path = journal.path
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    recovered = recover(path)
    assert recovered.document.node_named("b") and recovered.missing == 1
    path.write_bytes(whole.split(b"\n")[0][:50])
    with pytest.raises(JournalError, match="cannot be read"):
        recover(path)


@pytest.mark.thorough
def test_journals_of_crashed_programs_are_offered_and_those_in_use_are_not(tmp_path):
    folder = tmp_path / "state"
    doc = Document()
    journal = Journal(doc, folder)
    commands.add_node(doc, "add", (0, 0), "mine")
    assert pending(folder) == []
    (folder / "junk.journal").write_text("hello")
    program = f"""
        import os
        from pathlib import Path
        from nodeflow.document.edit import commands
        from nodeflow.document.io.journal import Journal
        from nodeflow.document.model.document import Document
        doc = Document()
        doc.path = Path({str(tmp_path / "theirs.flow")!r})
        Journal(doc, Path({str(folder)!r}))
        commands.add_node(doc, "add", (0, 0), "theirs")
        commands.add_node(doc, "add", (0, 0))
        os.abort()
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, check=False
    )
    assert ended.returncode != 0
    found, junk = pending(folder)
    assert junk.problem and junk.document is None
    assert found.document == tmp_path / "theirs.flow" and not found.problem
    again = found.recover().document
    assert sorted(again.names) == ["add", "theirs"] and again.path == found.document
    found.discard()
    junk.discard()
    assert pending(folder) == [] and journal.path.exists()
    journal.close()


def test_a_folder_that_cannot_be_written_is_told_once_and_editing_goes_on(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    failures = []
    doc = Document()
    Journal(doc, blocked / "state", failures.append)
    commands.add_node(doc, "add", (0, 0))
    commands.add_node(doc, "add", (0, 0))
    assert len(doc.nodes) == 2 and len(failures) == 1
    assert "cannot be kept for recovery" in str(failures[0])


@pytest.mark.skipif(os.name != "posix", reason="XDG folders and modes")
def test_journals_are_the_users_own(doc, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    if sys.platform.startswith("linux"):
        assert journal_folder() == tmp_path / "xdg" / "nodeflow" / "journals"
    journal = Journal(doc)
    commands.rename(doc, "n1", "private")
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert journal.path.parent.stat().st_mode & 0o777 == 0o700
    journal.close()


def test_learned_weights_lie_beside_the_journal_until_it_goes(doc, tmp_path):
    folder = tmp_path / "state"
    journal = Journal(doc, folder)
    path = journal.keep_weights()
    assert path is not None and journal.path is not None, "also where nothing was edited"
    path.write_bytes(b"learned")
    journal._file.close()  # the process died: the lock is gone
    (item,) = pending(folder)
    assert item.weights == path
    assert flow.dumps(item.recover().document) == flow.dumps(doc)
    item.discard()
    assert not list(folder.iterdir())


def test_weights_that_are_safe_elsewhere_go_and_the_edits_stay(doc, tmp_path):
    folder = tmp_path / "state"
    journal = Journal(doc, folder)
    commands.rename(doc, "n1", "renamed")
    journal.keep_weights().write_bytes(b"learned")
    journal.drop_weights()
    assert [p.suffix for p in folder.iterdir()] == [".journal"]
    journal.keep_weights().write_bytes(b"learned")
    journal.saved()
    assert not list(folder.iterdir())

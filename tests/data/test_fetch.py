"""Downloads against a real HTTP server on this machine: broken, rangeless, wrong, slow, absent."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from nodeflow.data import fetch as fetching
from nodeflow.data.catalog import open_dataset
from nodeflow.data.download import Progress, Transfer, is_published
from nodeflow.data.errors import (
    ChecksumError,
    DownloadCancelled,
    NetworkProblem,
    UnknownSource,
)
from nodeflow.data.source import RemoteFile
from nodeflow.data.sources import mnist
from nodeflow.errors import DownloadError

PLAIN = np.random.default_rng(3).integers(0, 64, 700_000, dtype=np.uint8).tobytes()
PACKED = gzip.compress(PLAIN, 1)
FILE = RemoteFile("numbers.gz", len(PLAIN), hashlib.sha256(PLAIN).hexdigest())
QUICK = Transfer(timeout=5.0, pause=0.0)


@dataclass
class Mirror:
    """What the server does, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=lambda: {FILE.name: PACKED})
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        mirror: Mirror = self.server.mirror  # type: ignore[attr-defined]
        name = self.path.rsplit("/", 1)[1]
        span = self.headers.get("Range")
        mirror.asked.append((name, span))
        body = mirror.files.get(name)
        if body is None:
            self.send_error(404)
            return
        start = int(span.removeprefix("bytes=").rstrip("-")) if span and mirror.ranges else 0
        if start and start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = len(body)
        if mirror.break_after:
            end = start + mirror.break_after.pop(0)
        self.wfile.write(body[start:end])
        if end < len(body):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """The test's output stays clean."""


@pytest.fixture
def serve(monkeypatch) -> Iterator:
    """Starts mirrors on loopback; no proxy of the environment stands between."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def start(**behaviour) -> Mirror:
        mirror = Mirror(**behaviour)
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.mirror = mirror  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        mirror.url = f"http://127.0.0.1:{server.server_address[1]}/data"
        return mirror

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def fetch(folder: Path, *mirrors: Mirror, files=(FILE,), transfer=QUICK, **more) -> Path:
    urls = [mirror.url for mirror in mirrors]
    return fetching.fetch("mnist", folder, base_urls=urls, files=files, transfer=transfer, **more)


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_with_progress(tmp_path, serve):
    seen: list[Progress] = []
    assert fetch(tmp_path / "new", serve(), progress=seen.append) == tmp_path / "new"
    assert (tmp_path / "new" / FILE.name).read_bytes() == PACKED
    assert left_over(tmp_path / "new") == [FILE.name]
    received = [report.received for report in seen]
    assert received == sorted(received) and received[0] == 0 and received[-1] == len(PACKED)
    assert {report.total for report in seen} == {len(PACKED)} and len(seen) > 3
    assert (seen[0].file, seen[0].index, seen[0].count) == (FILE.name, 0, 1)


def test_a_broken_connection_is_continued_where_it_broke(tmp_path, serve):
    mirror = serve(break_after=[200_000, 100_000])
    fetch(tmp_path, mirror)
    assert (tmp_path / FILE.name).read_bytes() == PACKED
    assert mirror.asked == [
        (FILE.name, None),
        (FILE.name, "bytes=200000-"),
        (FILE.name, "bytes=300000-"),
    ]


def test_a_mirror_without_ranges_starts_again(tmp_path, serve):
    mirror = serve(break_after=[200_000], ranges=False)
    fetch(tmp_path, mirror)
    assert (tmp_path / FILE.name).read_bytes() == PACKED
    assert mirror.asked[1] == (FILE.name, "bytes=200000-")


def test_a_later_call_continues_what_an_earlier_one_left(tmp_path, serve):
    with pytest.raises(NetworkProblem, match=r"broke after 1000 of"):
        fetch(tmp_path, serve(break_after=[1000]), transfer=Transfer(attempts=1))
    assert left_over(tmp_path) == [f".{FILE.name}.part"]
    second = serve()
    fetch(tmp_path, second)
    assert second.asked == [(FILE.name, "bytes=1000-")]
    assert (tmp_path / FILE.name).read_bytes() == PACKED


def test_a_whole_part_left_by_a_crash_is_not_fetched_again(tmp_path, serve):
    (tmp_path / f".{FILE.name}.part").write_bytes(PACKED)
    mirror = serve()
    fetch(tmp_path, mirror)
    assert mirror.asked == [] and left_over(tmp_path) == [FILE.name]


def test_a_part_that_is_too_long_is_thrown_away(tmp_path, serve):
    (tmp_path / f".{FILE.name}.part").write_bytes(b"?" * (len(PACKED) + 10))
    fetch(tmp_path, serve())
    assert (tmp_path / FILE.name).read_bytes() == PACKED


def test_a_part_of_another_packing_is_noticed_and_started_again(tmp_path, serve):
    (tmp_path / f".{FILE.name}.part").write_bytes(gzip.compress(PLAIN, 9)[:5000])
    mirror = serve()
    fetch(tmp_path, mirror)
    assert (tmp_path / FILE.name).read_bytes() == PACKED
    assert [span for _, span in mirror.asked] == ["bytes=5000-", None]


def test_the_same_content_packed_differently_is_accepted(tmp_path, serve):
    other = gzip.compress(PLAIN, 6)
    fetch(tmp_path, serve(files={FILE.name: other}))
    assert (tmp_path / FILE.name).read_bytes() == other != PACKED


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(PLAIN[:-1] + b"\0"),
        gzip.compress(PLAIN + b"\0"),
        PACKED[:-4],
        b"<html>Please log in to this network</html>",
        b"",
    ],
)
def test_wrong_content_is_refused_and_leaves_nothing(tmp_path, serve, body):
    (tmp_path / "other.txt").write_text("kept")
    with pytest.raises(ChecksumError, match=f"SHA-256 {FILE.sha256[:16]}"):
        fetch(tmp_path, serve(files={FILE.name: body}))
    assert left_over(tmp_path) == ["other.txt"]


@pytest.mark.thorough
def test_a_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(50_000_000)))
    assert not is_published(path, RemoteFile("bomb.gz", 1000, "0" * 64))


def test_a_mirror_that_sends_without_end_is_stopped(tmp_path, serve):
    endless = serve(files={FILE.name: bytes(len(PLAIN) + 500_000)})
    with pytest.raises(NetworkProblem, match=r"sent more than"):
        fetch(tmp_path, endless)
    assert (tmp_path / f".{FILE.name}.part").stat().st_size < len(PLAIN) + 200_000
    fetch(tmp_path, serve())
    assert (tmp_path / FILE.name).read_bytes() == PACKED


def test_the_next_mirror_is_asked_and_kept(tmp_path, serve):
    second_file = RemoteFile("more.gz", len(PLAIN), FILE.sha256)
    both = {FILE.name: PACKED, second_file.name: PACKED}
    empty, wrong = serve(files={}), serve(files={FILE.name: b"no"})
    good = serve(files=both)
    fetch(tmp_path, empty, wrong, good, files=(FILE, second_file))
    assert left_over(tmp_path) == ["more.gz", "numbers.gz"]
    assert [len(mirror.asked) for mirror in (empty, wrong, good)] == [1, 1, 2]


def test_an_old_file_stays_when_the_download_of_a_better_one_fails(tmp_path, serve):
    (tmp_path / FILE.name).write_bytes(b"old")
    with pytest.raises(NetworkProblem):
        fetch(tmp_path, serve(files={}))
    assert (tmp_path / FILE.name).read_bytes() == b"old"


def test_files_that_are_right_are_not_asked_for(tmp_path, serve):
    (tmp_path / FILE.name).write_bytes(PACKED)
    mirror, seen = serve(), []
    fetch(tmp_path, mirror, progress=seen.append)
    assert mirror.asked == []
    assert seen == [Progress(FILE.name, len(PACKED), len(PACKED), 0, 1)]


def test_without_a_network_every_mirror_is_named_with_its_reason(tmp_path):
    with socket.socket() as listener:  # a port that nobody listens on
        listener.bind(("127.0.0.1", 0))
        closed = Mirror(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        nowhere = Mirror(url="http://nowhere.invalid")
        with pytest.raises(NetworkProblem) as caught:
            fetch(tmp_path, closed, nowhere)
    message = str(caught.value)
    assert f"{closed.url}/{FILE.name}: Connection refused" in message
    assert f"http://nowhere.invalid/{FILE.name}:" in message
    assert "Check the network" in message and str(tmp_path) in message


@pytest.mark.thorough
def test_a_mirror_that_falls_silent_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mirror = Mirror(url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(NetworkProblem, match=r"timed out"):
            fetch(tmp_path, mirror, transfer=Transfer(timeout=0.2, attempts=2, pause=0.0))


def test_cancelling_keeps_what_arrived_for_the_next_time(tmp_path, serve):
    seen: list[int] = []
    mirror = serve()
    with pytest.raises(DownloadCancelled, match=r"cancelled"):
        fetch(
            tmp_path,
            mirror,
            progress=lambda report: seen.append(report.received),
            cancelled=lambda: bool(seen) and seen[-1] > 100_000,
        )
    assert left_over(tmp_path) == [f".{FILE.name}.part"]
    part = (tmp_path / f".{FILE.name}.part").read_bytes()
    assert 100_000 < len(part) < len(PACKED) and PACKED.startswith(part)
    fetch(tmp_path, mirror)
    assert mirror.asked[-1] == (FILE.name, f"bytes={len(part)}-")
    assert left_over(tmp_path) == [FILE.name]


def test_a_folder_that_cannot_be_written_is_not_a_network_problem(tmp_path, serve):
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(DownloadError, match=r"cannot be written") as caught:
        fetch(tmp_path / "taken", serve())
    assert not isinstance(caught.value, NetworkProblem)


def test_only_known_names_can_be_fetched(tmp_path):
    with pytest.raises(UnknownSource, match=r"Did you mean mnist"):
        fetching.fetch("mnits", tmp_path)
    with pytest.raises(UnknownSource, match=r"Only mnist"):
        fetching.fetch("spirals", tmp_path)


@pytest.mark.thorough
def test_the_cache_folder_is_filled_and_then_found(tmp_path, serve, monkeypatch, full_mnist):
    """The published checksums against the real files, through the real download."""
    if full_mnist is None:
        pytest.skip("the full set is not here: the published checksums cannot be checked")
    monkeypatch.setattr(mnist, "cache_folder", lambda: tmp_path)
    monkeypatch.delenv(mnist.DATA_VARIABLE, raising=False)
    bodies = {file.name: (full_mnist / file.name).read_bytes() for file in mnist.REMOTE}
    assert open_dataset("mnist").notice is not None
    folder = fetching.fetch("mnist", base_urls=[serve(files=bodies).url], transfer=QUICK)
    assert folder == tmp_path / "mnist"
    dataset = open_dataset("mnist")
    assert dataset.notice is None and dataset.size("train") == 55000

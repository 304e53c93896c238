"""Only what this user wrote, and nobody else could have written, is loaded as machine code."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nodeflow.engine.compiler import cache, trust
from nodeflow.host.problem_report.machine_facts import collect
from tests.engine.test_cache import STORE, compiled_meanwhile, run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners and modes of POSIX")
SOURCE = STORE.format(value=11)
EVIL = STORE.format(value=666)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an empty cache and, elsewhere in it, a key of its own."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("NODEFLOW_CACHE_DIR", str(home / "cache"))
    monkeypatch.setenv("NODEFLOW_KERNEL_KEY", str(home / "state" / "key"))
    cache.forget_loaded()
    forget()
    yield home
    cache.forget_loaded()
    forget()


def forget() -> None:
    """What a process remembers of folders and keys."""
    trust._real.cache_clear()
    trust.signing_key.cache_clear()


def stored(home: Path) -> Path:
    """The file of `SOURCE`, which lies in the cache."""
    assert run(SOURCE) == 11
    (path,) = (home / "cache" / "kernels").glob("*.kernel")
    cache.forget_loaded()
    return path


def doctor() -> dict[str, str]:
    return {k: v for k, v in collect()["engine"].items() if k.startswith("cache ")}


def forged(home: Path, seal) -> Path:
    """A file under the name of `SOURCE` that holds the code of `EVIL`, sealed by `seal`."""
    path = stored(home)
    run(EVIL)
    (other,) = set(path.parent.glob("*.kernel")) - {path}
    content = other.read_bytes().removeprefix(cache._MAGIC).partition(b"\n")[2]
    other.unlink()
    path.write_bytes(cache._MAGIC + seal(path.stem, content).encode() + b"\n" + content)
    cache.forget_loaded()
    return path


def rebuilt() -> None:
    """`SOURCE` is not taken from the cache, is compiled, and is taken from there the next time."""
    cache.forget_loaded()
    assert not cache.is_cached(SOURCE)
    assert compiled_meanwhile(lambda: run(SOURCE)) == 1
    assert run(SOURCE) == 11
    cache.forget_loaded()
    assert compiled_meanwhile(lambda: run(SOURCE)) == 0
    assert doctor()["cache ignored"] == "0"


# ---- seals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seal",
    [
        lambda name, content: hashlib.sha256(content).hexdigest(),
        lambda name, content: hmac.digest(b"", content, "sha256").hex(),
        lambda name, content: hmac.digest(b"x" * 32, name.encode() + content, "sha256").hex(),
        lambda name, content: "",
    ],
    ids=["checksum", "empty key", "another key", "none"],
)
def test_code_that_others_wrote_is_never_run(home: Path, seal) -> None:
    forged(home, seal)
    assert "1 damaged, or not sealed" in doctor()["cache ignored"]
    rebuilt()


def test_a_seal_holds_for_one_name(home: Path) -> None:
    """A kernel of the user's own under the name of another gives wrong numbers."""
    path = stored(home)
    run(EVIL)
    (other,) = set(path.parent.glob("*.kernel")) - {path}
    shutil.copyfile(other, path)
    cache.forget_loaded()
    rebuilt()


def test_the_seal_is_the_hmac_of_rfc_2104(home: Path) -> None:
    """Written out from the standard: H(key ^ opad, H(key ^ ipad, text))."""
    path = stored(home)
    key = (home / "state" / "key").read_bytes().ljust(64, b"\0")
    code, _, content = path.read_bytes().removeprefix(cache._MAGIC).partition(b"\n")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key))
    inner.update(path.stem.encode() + b"\n" + content)
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in key) + inner.digest())
    assert code.decode() == outer.hexdigest()
    assert set(json.loads(content.partition(b"\n")[0])) == {"symbol", "externals"}


def test_a_cache_of_another_user_is_not_taken_over(home: Path) -> None:
    stored(home)
    (home / "state" / "key").unlink()
    forget()
    assert doctor()["cache ignored"].startswith("1 ")
    rebuilt()


# ---- the key ------------------------------------------------------------------------------------


def test_the_key_is_random_private_and_outside_the_cache(home: Path) -> None:
    path, key = stored(home), home / "state" / "key"
    assert key.stat().st_mode & 0o777 == 0o600 and len(key.read_bytes()) == 32
    assert path.parent not in key.parents
    first = key.read_bytes()
    key.unlink()
    forget()
    stored(home)
    assert key.read_bytes() != first
    assert [p.name for p in key.parent.iterdir()] == ["key"]


@pytest.mark.parametrize("spoil", [lambda k: k.chmod(0o644), lambda k: k.write_bytes(b"short")])
def test_a_key_that_others_may_know_is_replaced(home: Path, spoil) -> None:
    stored(home)
    key = home / "state" / "key"
    before = key.read_bytes()
    spoil(key)
    forget()
    rebuilt()
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32 and key.read_bytes() != before


@pytest.mark.parametrize("kind", ["folder", "link", "text"])
def test_something_else_in_place_of_the_key_is_left_alone(home: Path, kind: str) -> None:
    key = home / "state" / "key"
    key.parent.mkdir()
    (home / "text").write_text("a letter of more than thirty-two bytes\n")
    if kind == "folder":
        key.mkdir()
    elif kind == "link":
        key.symlink_to(home / "text")
    else:
        shutil.copyfile(home / "text", key)
    assert cache.cache_folder() is None
    assert "is no key" in doctor()["cache folder"]
    assert run(SOURCE) == 11
    assert (home / "text").read_text().startswith("a letter")
    assert kind == "folder" or key.read_text().startswith("a letter")


def test_processes_that_start_at_once_make_one_key(home: Path) -> None:
    code = "from nodeflow.engine.compiler.trust import signing_key\nprint(signing_key().hex())\n"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    keys = {process.communicate(timeout=60)[0].strip() for process in started}
    assert keys == {(home / "state" / "key").read_bytes().hex()}


# ---- owners and modes ---------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_ignored(home: Path, mode: int) -> None:
    stored(home).chmod(mode)
    assert doctor()["cache ignored"] == "1 (1 open to others)"
    rebuilt()


@pytest.mark.thorough
def test_a_link_and_a_pipe_are_ignored(home: Path) -> None:
    path = stored(home)
    path.rename(home / "elsewhere")
    path.symlink_to(home / "elsewhere")
    assert doctor()["cache ignored"] == "1 (1 a symbolic link)"
    rebuilt()
    path.unlink()
    os.mkfifo(path, 0o600)
    assert doctor()["cache ignored"] == "1 (1 no regular file)"
    rebuilt()


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives away")
def test_a_file_or_folder_of_another_user_is_ignored(home: Path) -> None:
    path = stored(home)
    os.chown(path, 12345, 12345)
    assert doctor()["cache ignored"] == "1 (1 of another user)"
    rebuilt()
    os.chown(path.parent, 12345, 12345)
    assert cache.cache_folder() is None and "another user" in doctor()["cache folder"]
    os.chown(path.parent, 0, 0)
    os.chown(home / "cache", 12345, 12345)
    forget()
    assert cache.cache_folder() is None
    assert f"{home / 'cache'} belongs to another user" in doctor()["cache folder"]
    cache.forget_loaded()
    assert not cache.is_cached(SOURCE)


@pytest.mark.parametrize("above", [".", "cache"])
@pytest.mark.parametrize("mode, trusted", [(0o777, False), (0o1777, True), (0o755, True)])
def test_folders_above_decide(home: Path, above: str, mode: int, trusted: bool) -> None:
    """Where others can rename a folder, they can put another in its place; not if it is sticky."""
    stored(home)
    (home / above).chmod(mode)
    forget()
    assert cache.is_cached(SOURCE) is trusted
    assert run(SOURCE) == 11
    if not trusted:
        assert f"others can write to {home / above}" in doctor()["cache folder"]


def test_the_folders_of_the_key_decide_as_well(home: Path) -> None:
    stored(home)
    (home / "state").chmod(0o777)
    forget()
    assert not cache.is_cached(SOURCE)
    assert f"others can write to {home / 'state'}" in doctor()["cache folder"]


def test_a_link_on_the_way_is_followed_and_then_checked(home: Path, tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    (home / "cache").symlink_to(open_to_all)
    assert cache.cache_folder() is None
    assert f"others can write to {open_to_all}" in doctor()["cache folder"]
    open_to_all.chmod(0o700)
    forget()
    assert cache.cache_folder() == open_to_all / "kernels"


def test_a_group_of_one_is_nobody_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many systems give each user a group, and folders a mode of 775."""
    import grp

    stored(home)
    (home / "cache").chmod(0o775)
    entry = grp.getgrgid(os.getgid())
    for members, trusted in (([], True), (["somebody"], False)):
        changed = grp.struct_group((entry.gr_name, "x", entry.gr_gid, members))
        monkeypatch.setattr(grp, "getgrgid", lambda _, changed=changed: changed)
        trust._group_of_one.cache_clear()
        forget()
        user_has_its_own = entry.gr_name == __import__("pwd").getpwuid(os.getuid()).pw_name
        assert (cache.cache_folder() is not None) is (trusted and user_has_its_own)
    trust._group_of_one.cache_clear()


# ---- what it costs ------------------------------------------------------------------------------


def test_parents_and_key_are_read_once_and_each_file_is_asked_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start loads some hundred kernels; checking must not cost folders times files."""
    sources = [STORE.format(value=v) for v in range(100, 104)]
    for source in sources:
        run(source)
    cache.forget_loaded()
    forget()
    calls: dict[str, int] = dict.fromkeys(("lstat", "fstat", "open", "readlink"), 0)
    for name in calls:
        real = getattr(os, name)

        def counted(*args, name=name, real=real, **options):
            calls[name] += 1
            return real(*args, **options)

        monkeypatch.setattr(os, name, counted)
    assert cache.is_cached(sources[0])
    folders = len((home / "cache" / "kernels").parts) + len((home / "state").parts)
    assert calls["open"] == 2 and calls["lstat"] <= folders
    first = dict(calls)
    assert all(cache.is_cached(source) for source in sources[1:])
    assert {name: calls[name] - first[name] for name in calls} == {
        "lstat": 0, "fstat": 3, "open": 3, "readlink": 0,
    }  # fmt: skip

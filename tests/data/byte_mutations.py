"""Spoilt bytes of files: each a function of its number alone, so that it can be made again."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

INTERESTING = [0, 1, 2, 7, 8, 9, 10, 32, 127, 128, 254, 255]
WORDS = [
    0, 1, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**45, 2**62,
    2**63 - 1, 2**63, 2**64 - 1,
]  # fmt: skip
TEXTS = [
    b"", b"\0", b"(", b")", b"[", b"{", b"'", b'"', b"\\", b"\n", b"\r", b",", b";", b"\xff\xfe",
    b"-1", b"1e999", b"NaN", b"None", b"9" * 5000, b"[" * 3000, b"(" * 200, b"{'a':" * 60,
    b"\xed\xa0\x80", b"|O", b"<f8", b">c16", b"V99999999", b"(1099511627776,)", b"__import__",
    b"# -*- coding: rot13 -*-",
]  # fmt: skip


def mutant(original: bytes, number: int, head: int = 256) -> bytes:
    """A spoilt copy of a file; most changes are in its first bytes and in its last."""
    random = Random(number)
    data = bytearray(original)
    for _ in range(random.choice([1, 1, 1, 2, 3, 6])):
        random.choice(MUTATIONS)(data, random, _place(data, random, head))
    return bytes(data)


def _place(data: bytearray, random: Random, head: int) -> int:
    size = len(data)
    if not size:
        return 0
    end = random.choice([min(head, size), min(head, size), size])
    start = 0 if random.random() < 0.8 else max(0, size - head)
    return min(size - 1, random.randrange(start, max(end, start + 1)))


def _flip(data: bytearray, random: Random, at: int) -> None:
    data[at : at + 1] = bytes([(data[at] if data else 0) ^ (1 << random.randrange(8))])


def _set(data: bytearray, random: Random, at: int) -> None:
    data[at : at + 1] = bytes([random.choice([*INTERESTING, random.randrange(256)])])


def _word(data: bytearray, random: Random, at: int) -> None:
    form = random.choice(["<H", ">H", "<I", ">I", "<Q", ">Q"])
    size = struct.calcsize(form)
    data[at : at + size] = struct.pack(form, random.choice(WORDS) % (1 << (8 * size)))


def _insert(data: bytearray, random: Random, at: int) -> None:
    data[at:at] = random.choice(TEXTS)


def _replace(data: bytearray, random: Random, at: int) -> None:
    text = random.choice(TEXTS)
    data[at : at + max(1, len(text))] = text


def _digits(data: bytearray, random: Random, at: int) -> None:
    """Another number where there is one."""
    places = [i for i, byte in enumerate(data[:4096]) if 48 <= byte <= 57]
    if places:
        at = random.choice(places)
        data[at : at + 1] = str(random.choice(WORDS)).encode()


def _remove(data: bytearray, random: Random, at: int) -> None:
    del data[at : at + random.choice([1, 1, 2, 4, 16, 256])]


def _repeat(data: bytearray, random: Random, at: int) -> None:
    piece = data[at : at + random.choice([1, 4, 16, 64])]
    data[at:at] = piece * random.choice([1, 2, 40])


def _cut(data: bytearray, random: Random, at: int) -> None:
    del data[at:]


def _swap(data: bytearray, random: Random, at: int) -> None:
    other, size = random.randrange(max(1, len(data))), random.choice([1, 2, 4, 8])
    piece = data[at : at + size]
    data[at : at + size] = data[other : other + size]
    data[other : other + size] = piece


MUTATIONS: list[Callable[[bytearray, Random, int], None]] = [
    _flip, _flip, _set, _word, _word, _insert, _replace, _digits, _remove, _repeat, _cut, _swap,
]  # fmt: skip

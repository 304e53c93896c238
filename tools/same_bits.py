"""Compare two checkouts bit by bit: every example trained or run in both, digests side by side.

    python tools/same_bits.py --before ../older [--after .] [--tier compiled] [--only mnist]

An example that trains runs three epochs through ``nodeflow train``. Its digest covers the loss of
every epoch, all metrics, every variable (optimizer state included) and the values that ``nodeflow
run`` then fetches with the trained weights. Any other example runs 50 times through
``nodeflow.Session``, and the digest covers every fetch. Only the command line and the public API
are used, so the two checkouts may differ in layout. Exit status 1 if a digest differs or a run
fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIERS = ("compiled", "reference")
EPOCHS = 3
RUNS = 50
TIMES = ("seconds", "steps_per_second")

REPEATED = """
import hashlib, sys
import numpy as np
import nodeflow as nf
path, tier, threads, runs, *names = sys.argv[1:]
graph = nf.load(path)
digest = hashlib.sha256()
with nf.Session(graph, tier=tier, threads=int(threads), seed=1) as session:
    session.initialize()
    for _ in range(int(runs)):
        for name, value in zip(names, session.run(names)):
            array = np.ascontiguousarray(value)
            digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
print(digest.hexdigest())
"""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="compare two checkouts bit by bit")
    parser.add_argument("--before", type=Path, required=True, help="checkout to compare with")
    parser.add_argument("--after", type=Path, default=ROOT, help="checkout to compare")
    parser.add_argument("--tier", choices=TIERS, action="append", help="default: both")
    parser.add_argument("--only", action="append", help="name of an example; may be repeated")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(argv)
    examples = sorted((options.before / "examples").glob("*.flow"))
    if options.only:
        examples = [e for e in examples if e.stem in options.only]
    different = 0
    for tier in options.tier or TIERS:
        for example in examples:
            before = digest_of(options.before, example, tier, options.threads)
            after = digest_of(options.after, example, tier, options.threads)
            same = before == after
            different += not same
            verdict = "same" if same else f"DIFFERENT from {before[:16]}"
            print(f"{tier:9} {example.stem:20} {after[:16]} {verdict}", flush=True)
    print("all the same" if not different else f"{different} differ")
    return 1 if different else 0


def digest_of(checkout: Path, example: Path, tier: str, threads: int) -> str:
    """Return the SHA-256, in hex, of all values that the checkout computes for the example."""
    document = json.loads(example.read_text(encoding="utf-8"))
    common = ["--tier", tier, "--threads", str(threads), "--seed", "1", "--json"]
    if not document["training"].get("optimizer"):
        run = nodeflow(checkout, ["run", str(example.resolve()), *common])
        names = sorted(json.loads(run)["fetches"])
        arguments = ["-c", REPEATED, str(example.resolve()), tier, str(threads), str(RUNS)]
        return python(checkout, [*arguments, *names]).strip()
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.safetensors"
        train = ["train", str(example.resolve()), "--epochs", str(EPOCHS), "--save-weights"]
        for line in nodeflow(checkout, [*train, str(weights), *common]).splitlines():
            event = json.loads(line)
            digest.update(canonical({k: v for k, v in event.items() if k not in TIMES}))
        digest.update(tensors_of(weights))
        copy = Path(folder) / example.name
        copy.write_text(json.dumps({**document, "weights": weights.name}), encoding="utf-8")
        digest.update(nodeflow(checkout, ["run", str(copy), *common]).encode())
    return digest.hexdigest()


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def tensors_of(path: Path) -> bytes:
    """Return the tensors of a safetensors file, without its metadata, in sorted order."""
    from safetensors.numpy import load_file

    arrays = sorted(load_file(path).items())
    return b"".join(f"{n} {a.dtype} {a.shape}".encode() + a.tobytes() for n, a in arrays)


def nodeflow(checkout: Path, arguments: list[str]) -> str:
    return python(checkout, ["-m", "nodeflow", *arguments])


def python(checkout: Path, arguments: list[str]) -> str:
    environment = {**os.environ, "PYTHONPATH": str(checkout.resolve())}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=checkout, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{checkout}: {' '.join(arguments[:3])} failed:\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    raise SystemExit(main())

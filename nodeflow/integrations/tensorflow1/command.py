"""``python -m nodeflow.tensorflow1``: converts a TensorFlow 1 program, or runs it as it is.

    python -m nodeflow.tensorflow1 PROGRAM.py [-o NEW.py] [--rename]
    python -m nodeflow.tensorflow1 --run PROGRAM.py ARGUMENTS...

The converter writes names without a counterpart to standard error; the exit status is then 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nodeflow.integrations.tensorflow1.converter.convert import convert
from nodeflow.integrations.tensorflow1.runner.run_program import run


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m nodeflow.tensorflow1",
        description="convert a TensorFlow 1 program to nodeflow, or run it",
    )
    parser.add_argument(
        "program", type=Path, nargs="?", help="a Python file that imports tensorflow"
    )
    parser.add_argument("-o", "--output", type=Path, help="the file to write; default: print it")
    parser.add_argument(
        "--rename",
        action="store_true",
        help="write names that mean the same in nodeflow as nf.NAME; default: change imports only",
    )
    parser.add_argument(
        "--run",
        nargs=argparse.REMAINDER,
        metavar="PROGRAM",
        help="run a program as it is, with the arguments behind its name",
    )
    given = parser.parse_args(arguments)
    if given.run:
        return run(Path(given.run[0]), given.run[1:])
    if given.program is None:
        parser.error("name a program")
    if given.program.exists() and not given.program.is_file():  # a pipe may never end
        print(f"{given.program}: it is not a regular file", file=sys.stderr)
        return 1
    try:
        converted = convert(given.program.read_text(encoding="utf-8"), given.rename)
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        print(f"{given.program}: {error}", file=sys.stderr)
        return 1
    if given.output is None:
        print(converted.text, end="")
    else:
        try:
            given.output.write_text(converted.text, encoding="utf-8")
        except OSError as error:
            print(f"cannot write {given.output}: {error.strerror or error}", file=sys.stderr)
            return 1
    for problem in converted.problems:
        print(f"{given.program}:{problem}", file=sys.stderr)
    return 1 if converted.problems else 0

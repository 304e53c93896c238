"""``python -m nodeflow.tensorflow1 PROGRAM.py [-o NEW.py]``: a TensorFlow 1 program, converted.

What could not be renamed goes to the error output, and the exit status is then 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nodeflow.tensorflow1.convert import convert


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m nodeflow.tensorflow1",
        description="write a TensorFlow 1 program with nodeflow's names",
    )
    parser.add_argument("program", type=Path, help="a Python file that imports tensorflow")
    parser.add_argument("-o", "--output", type=Path, help="the file to write; default: print it")
    given = parser.parse_args(arguments)
    if given.program.exists() and not given.program.is_file():  # a pipe may never end
        print(f"{given.program}: it is not a regular file", file=sys.stderr)
        return 1
    try:
        converted = convert(given.program.read_text(encoding="utf-8"))
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


if __name__ == "__main__":
    raise SystemExit(main())

"""Print the part of CHANGELOG.md about a version, for the notes of its release.

    python packaging/release_notes.py v0.2.0

Fails if there is none, if it is marked as unreleased, or if pyproject.toml has another version.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def release_notes(changelog: str, version: str) -> str:
    """Return the part of a changelog below the heading of a version.

    Raises:
        ValueError: there is none, or its heading says that the version is not released.
    """
    parts = re.split(r"^## (.+)$", changelog, flags=re.MULTILINE)
    for heading, text in zip(parts[1::2], parts[2::2]):
        name, _, rest = heading.partition(" ")
        if name == version:
            if "unreleased" in rest:
                raise ValueError(f"CHANGELOG.md marks {version} as unreleased; write its date")
            return text.strip() + "\n"
    raise ValueError(f"CHANGELOG.md has no part about {version}")


def main(tag: str) -> int:
    """Print the notes for a tag; return the exit code."""
    version = tag.removeprefix("v")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    try:
        if project["version"] != version:
            raise ValueError(f"pyproject.toml has version {project['version']}, the tag {version}")
        notes = release_notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(notes, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

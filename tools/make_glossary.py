"""Write ``docs/glossary.md`` from ``resources/help/glossary.toml``.

    python tools/make_glossary.py            write the page
    python tools/make_glossary.py --check    exit status 1 if the page is out of date

The words are data of the package, so that the window can also explain them.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS = ROOT / "resources" / "help" / "glossary.toml"
PAGE = ROOT / "docs" / "glossary.md"
SECTIONS = {"field": "Words of the field", "own": "Words of nodeflow"}
"""Table of the file -> title on the page."""


def words() -> dict[str, list[dict[str, str]]]:
    """Return the words of each section, sorted by name."""
    found = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    return {name: sorted(found[name], key=lambda word: word["name"]) for name in SECTIONS}


def page() -> str:
    """Return the text of the page."""
    lines = [
        "# Glossary",
        "",
        "Short explanations of the words that the window and this documentation use.",
    ]
    for name, listed in words().items():
        lines += ["", f"## {SECTIONS[name]}", ""]
        for word in listed:
            more = f" [More]({word['see']})." if "see" in word else ""
            lines.append(f"- **{word['name']}**: {word['text']}{more}")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    if not parser.parse_args().check:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    return int(PAGE.read_text(encoding="utf-8") != page())


if __name__ == "__main__":
    raise SystemExit(main())

#!/usr/bin/env python3
"""Make resources/data/sentences.txt: simple sentences whose words have the role of their kind.

python tools/make_sentences.py            write the file
python tools/make_sentences.py --check    compare with the existing file

Words of one kind are drawn evenly and appear in the same places, so word2vec finds the kinds in the
text. The first lines list the kinds, so that words of a kind are numbered together.
"""

import argparse
import random
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "resources" / "data" / "sentences.txt"
SENTENCES = 2500
KINDS = {
    "animal": "cat dog horse cow sheep goat fox hen",
    "food": "bread cheese apple pear soup rice cake plum",
    "colour": "red green blue white black brown yellow grey",
    "number": "two three four five six seven eight nine",
    "person": "anna ben clara david emma felix greta hugo",
    "place": "house garden river forest market school barn harbour",
    "move": "runs walks goes hurries wanders",
    "say": "says thinks hopes believes knows",
}
PATTERNS = (
    "{person} {move} to the {place}",
    "the {colour} {animal} {move} to the {place}",
    "{person} eats {number} {colour} {food}",
    "the {animal} eats the {food}",
    "{person} {say} that the {animal} is {colour}",
    "{person} {say} that {person} {move} to the {place}",
    "{number} {colour} {food} and {number} {colour} {food}",
)


def text() -> str:
    """Return the sentences, one a line."""
    draw = random.Random(3)
    kinds = {kind: words.split() for kind, words in KINDS.items()}
    lines = [" ".join(words) for words in kinds.values()]
    for _ in range(SENTENCES):
        words = draw.choice(PATTERNS).split()
        lines.append(" ".join(draw.choice(kinds[w[1:-1]]) if w[0] == "{" else w for w in words))
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the sample text.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    if not parser.parse_args().check:
        FILE.write_text(text(), encoding="utf-8", newline="\n")
    elif FILE.read_text(encoding="utf-8") != text():
        raise SystemExit(f"{FILE} differs from what this script makes")


if __name__ == "__main__":
    main()

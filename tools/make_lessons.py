"""Write resources/lessons/*.flow from tools/lessons. A test compares the committed files.

python tools/make_lessons.py [FOLDER]
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nodeflow.document.io import flow  # noqa: E402
from nodeflow.document.model.document import Document  # noqa: E402
from tools.lessons.authoring import LessonSource  # noqa: E402

LESSONS = (
    "see_it_learn", "expression", "many_at_once", "one_neuron", "the_slope", "a_line_learns",
    "learning_rates", "exclusive_or", "back_through_a_layer", "softmax_and_loss", "digits",
    "honest_measurement", "what_helps", "the_clinic", "edges", "invent_names", "soft_look_up",
    "mask_and_block",
)  # fmt: skip
"""The modules of the course, in its order."""


def sources() -> list[LessonSource]:
    """Return the lessons of the course, in its order."""
    return [import_module(f"tools.lessons.{name}").LESSON for name in LESSONS]


def documents() -> dict[str, Document]:
    """Return the documents of the course by the names of their files."""
    found = sources()
    following = [source.id for source in found[1:]] + [""]
    return {
        f"{place:02}-{source.id}.flow": source.document(place, after)
        for place, (source, after) in enumerate(zip(found, following, strict=True))
    }


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents().items():
        flow.save(document, folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "resources" / "lessons")

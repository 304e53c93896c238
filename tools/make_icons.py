#!/usr/bin/env python3
"""Copy the icons we use from the npm package lucide-static into resources/icons.

To add an icon: add its Lucide name to ICONS and run this (needs npm).  The files are kept as they
are; nodeflow.svg and nodeflow-256.png are our own and are not touched.

    python tools/make_icons.py
"""

import subprocess
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "lucide-static@1.62.0"
TARGET = Path(__file__).resolve().parent.parent / "resources" / "icons"
ICONS = """
play pause square skip-forward step-forward fast-forward refresh-cw rotate-ccw loader-circle timer
undo-2 redo-2 copy clipboard-paste copy-plus scissors trash-2 pencil type
save folder-open file-plus file upload download image-down external-link history
plus minus x check search filter ellipsis zoom-in zoom-out maximize scan crosshair move hand
chevron-down chevron-right chevron-left chevron-up arrow-right arrow-left arrow-up arrow-down
settings sliders-horizontal sun moon sun-moon palette keyboard monitor panel-left panel-right
panel-bottom terminal circle-help info triangle-alert circle-x circle-check circle-alert circle bug
lightbulb sparkles book-open graduation-cap house star pin pin-off lock lock-open eye eye-off
table image images chart-line chart-column chart-spline chart-scatter grid-3x3 layers list
list-ordered rows-3 columns-3 activity trending-down gauge target
hash box boxes variable log-in log-out database square-function sigma pi equal calculator divide
percent superscript binary braces ruler shuffle split merge git-merge git-branch combine
network workflow share-2 brain dices cpu zap package plug cable link link-2 unlink route
frame group ungroup sticky-note message-square
""".split()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True)
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            for member, name in [
                ("LICENSE", "LICENSE-lucide.txt"),
                *((f"icons/{icon}.svg", f"{icon}.svg") for icon in ICONS),
            ]:
                archive.extract(f"package/{member}", folder, filter="data")
                (TARGET / name).write_bytes(Path(folder, "package", member).read_bytes())
    print(f"{len(ICONS)} icons in {TARGET}")


if __name__ == "__main__":
    main()

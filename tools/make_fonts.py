#!/usr/bin/env python3
"""Make resources/fonts: static Inter and JetBrains Mono, cut down to the characters we use.

The fonts come from Debian's packages fonts-inter and fonts-jetbrains-mono.  Cutting them down to
Latin, Greek, Cyrillic, arrows and mathematics takes them from 3.0 MB to 1.4 MB; their
licence (SIL OFL 1.1, no reserved font name) allows that under the same name.  Mono loses its
programming ligatures, so that `!=` in a table or an expression stays two characters.

    pip install fonttools && python tools/make_fonts.py     (Debian or Ubuntu, needs apt-get)
"""

import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "resources" / "fonts"
PACKAGES = ("fonts-inter", "fonts-jetbrains-mono")
FILES = {
    "Inter-Regular.otf": "kern,liga,calt,ccmp,locl,mark,mkmk,tnum,zero,case,ss02",
    "Inter-Medium.otf": "kern,liga,calt,ccmp,locl,mark,mkmk,tnum,zero,case,ss02",
    "Inter-SemiBold.otf": "kern,liga,calt,ccmp,locl,mark,mkmk,tnum,zero,case,ss02",
    "Inter-Bold.otf": "kern,liga,calt,ccmp,locl,mark,mkmk,tnum,zero,case,ss02",
    "JetBrainsMono-Regular.ttf": "ccmp,locl,mark,mkmk,zero",
    "JetBrainsMono-Medium.ttf": "ccmp,locl,mark,mkmk,zero",
}
RANGES = (
    "U+0020-017F,U+0192,U+01CD-01DC,U+0218-021B,U+02B0-02FF,U+0300-036F,U+0370-03FF,U+0400-045F,"
    "U+1E00-1EFF,U+2000-206F,U+2070-209F,U+20A0-20BF,U+2100-214F,U+2150-218F,U+2190-21FF,"
    "U+2200-22FF,U+2300-23FF,U+2500-25FF,U+2600-26FF,U+2713-2717,U+27E8-27E9"
)


def unpack(folder: Path) -> None:
    subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, check=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package.name, "."], cwd=folder, check=True)


def subset(source: Path, features: str) -> None:
    arguments = [f"--unicodes={RANGES}", f"--layout-features={features}", "--notdef-outline"]
    command = [sys.executable, "-m", "fontTools.subset", str(source), *arguments, "--name-IDs=*"]
    subprocess.run([*command, f"--output-file={TARGET / source.name}"], check=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unpack(folder)
        for file, features in FILES.items():
            subset(next(folder.rglob(file)), features)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Find the system libraries that Qt misses here, by letting the loader load all that we use.

Prints the Debian packages to install, one line, on standard output, and the libraries themselves on
standard error. Exits with 1 if there are any. If PySide6 is installed, Qt's own files list their
needs. Before that, every library in the list below is looked for, so that a user who may not
install packages gets one command and not two.
"""

import ctypes
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

# The system libraries that Qt needs -> the Debian package. Ubuntu's and Debian's names agree; the
# packages renamed for 64-bit time (libglib2.0-0t64) still provide the old name.
PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11.so.6": "libx11-6",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libatomic.so.1": "libatomic1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libstdc++.so.6": "libstdc++6",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libxcb.so.1": "libxcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-glx.so.0": "libxcb-glx0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libz.so.1": "zlib1g",
    "libzstd.so.1": "libzstd1",
}
# Only some versions of Qt need these, so they are looked for only if the loader reports them.
OTHER_PACKAGES = {
    "libGLX.so.0": "libglx0",
    "libOpenGL.so.0": "libopengl0",
    "libdrm.so.2": "libdrm2",
    "libgbm.so.1": "libgbm1",
    "libgcc_s.so.1": "libgcc-s1",
    "libwayland-egl.so.1": "libwayland-egl1",
    "libxcb-xinput.so.0": "libxcb-xinput0",
}
MODULES = ("QtCore", "QtGui", "QtWidgets", "QtSvg", "QtDBus", "QtOpenGL", "QtTest")
PLUGINS = (
    "platforms/libqxcb.so",
    "platforms/libqwayland.so",
    "platforms/libqoffscreen.so",
    "iconengines/*.so",
    "imageformats/libqsvg.so",
    "xcbglintegrations/*.so",
    "platformthemes/libqxdg*.so",
)
# Qt opens these by name while it starts, so no file lists them.
OPENED_BY_NAME = ("libEGL.so.1", "libGL.so.1", "libdbus-1.so.3", "libfontconfig.so.1")


def qt_files(package: Path) -> list[Path]:
    """Return the shared objects of PySide6 that the window loads, its X11 plugins included."""
    files = [path for name in MODULES for path in package.glob(f"{name}.*.so")]
    plugins = package / "Qt" / "plugins"
    return files + [path for pattern in PLUGINS for path in plugins.glob(pattern)]


def missing_from(file: Path) -> set[str]:
    """Return the names that the loader cannot resolve for a shared object and its dependencies."""
    report = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=False)
    return set(re.findall(r"^\s*(\S+) => not found", report.stdout, flags=re.MULTILINE))


def cannot_open(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return True
    return False


def missing_libraries() -> set[str]:
    """Return the names of the libraries that Qt needs here and the loader cannot find."""
    spec = importlib.util.find_spec("PySide6")
    if spec is None or spec.origin is None:
        return {name for name in PACKAGES if cannot_open(name)}
    missing = {name for name in OPENED_BY_NAME if cannot_open(name)}
    return missing.union(*map(missing_from, qt_files(Path(spec.origin).parent)))


def main() -> int:
    if not sys.platform.startswith("linux"):
        return 0  # the wheels for macOS and Windows contain all needed libraries
    missing = missing_libraries()
    if not missing:
        return 0
    known = PACKAGES | OTHER_PACKAGES
    print(f"nodeflow: Qt misses {', '.join(sorted(missing))}", file=sys.stderr)
    unknown = sorted(missing - known.keys())
    if unknown:
        print(f"nodeflow: no package known for {', '.join(unknown)}", file=sys.stderr)
    print(*sorted({known[name] for name in missing & known.keys()}))
    return 1


if __name__ == "__main__":
    sys.exit(main())

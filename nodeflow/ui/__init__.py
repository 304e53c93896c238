"""The window. The only package that imports Qt.

Its folders, from the top layer to the bottom: `window`, `panels`, `controllers`, `pages`,
`inspector` and `popups`, `canvas`, `actions`, `core`. Each folder imports only from lower
layers. The command line imports `app.run`, and `canvas.export_image` to render; nothing else
imports the window.

PySide6 6.12 is built for Python 3.12 and later, where None, True and False are immortal. A Qt
method that returns one of them releases a reference that it never took. On Python 3.11 the
interpreter therefore aborts with "none_dealloc" or "bool_dealloc" after some thousand calls. So
this module makes the three constants immortal before the first Qt call, as Python 3.12 does
(PEP 683).

PySide reads the source of every module that is imported after it, to find out whether the
module uses `__feature__`, and Python keeps these source texts in memory. No module here uses
it, so this module disables the check, which saves 25 MB.
"""

import ctypes
import sys

_IMMORTAL = 1 << 40
_CONSTANTS = (None, True, False, NotImplemented, Ellipsis)


def _make_constants_immortal() -> None:
    """Add so many references to None, True and False that their counts never reach 0.

    Python 3.12 and later do not need this.
    """
    for constant in _CONSTANTS:
        if sys.version_info < (3, 12) and sys.getrefcount(constant) < _IMMORTAL // 2:
            ctypes.c_ssize_t.from_address(id(constant)).value += _IMMORTAL


def _keep_no_sources() -> None:
    """Disable PySide's check whether an imported module uses `__feature__`."""
    import PySide6.QtCore  # noqa: F401  brings the module below

    feature = sys.modules.get("shibokensupport.feature")
    if hasattr(feature, "_mod_uses_pyside"):
        feature._mod_uses_pyside = lambda module: False  # type: ignore[union-attr]


_make_constants_immortal()
_keep_no_sources()

"""The window. The only package that imports Qt.

Folders, each of which imports only from those after it: `window`, `panels`, `controllers`, `pages`,
`inspector` and `popups`, `canvas`, `actions`, `core`. The command line imports `app.run`, and
`canvas.export_image` to render; nothing else imports the window.

PySide6 6.12 is built for Python 3.12 and later, where None, True and False are immortal: each call
of a Qt method that returns one of them releases a reference that it never took. On Python 3.11 the
interpreter aborts with "none_dealloc" or "bool_dealloc" after some thousand calls. So this module
makes them immortal before the first Qt call, as Python 3.12 does (PEP 683).

PySide looks for its own name in the source of every module that is imported after it, in case one
asks for its `__feature__`, and Python keeps all of those texts. None of ours asks, so this module
lets it not look: that is 25 MB less.
"""

import ctypes
import sys

_IMMORTAL = 1 << 40
_CONSTANTS = (None, True, False, NotImplemented, Ellipsis)


def _make_constants_immortal() -> None:
    """Give them more references than any process can drop; nothing to do from Python 3.12 on."""
    for constant in _CONSTANTS:
        if sys.version_info < (3, 12) and sys.getrefcount(constant) < _IMMORTAL // 2:
            ctypes.c_ssize_t.from_address(id(constant)).value += _IMMORTAL


def _keep_no_sources() -> None:
    """Let PySide take every module for one that asks for nothing."""
    import PySide6.QtCore  # noqa: F401  brings the module below

    feature = sys.modules.get("shibokensupport.feature")
    if hasattr(feature, "_mod_uses_pyside"):
        feature._mod_uses_pyside = lambda module: False  # type: ignore[union-attr]


_make_constants_immortal()
_keep_no_sources()

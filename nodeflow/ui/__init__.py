"""The window. The only package that imports Qt.

PySide6 6.12 is built for Python 3.12 and later, where None is immortal: each call of a Qt method
that returns nothing gives back a reference to None that it never took. On Python 3.11 the
interpreter dies with "none_dealloc" after some thousand calls. So None is made immortal here too,
before the first Qt call, as Python 3.12 does (PEP 683).
"""

import ctypes
import sys

_IMMORTAL = 1 << 40


def _make_none_immortal() -> None:
    """Give None more references than any process can drop; nothing to do from Python 3.12 on."""
    if sys.version_info < (3, 12) and sys.getrefcount(None) < _IMMORTAL // 2:
        ctypes.c_ssize_t.from_address(id(None)).value += _IMMORTAL


_make_none_immortal()

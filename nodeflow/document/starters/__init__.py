"""Starters: complete graphs for a user's own data, trained with one click.

A starter makes an ordinary document from a data set; nothing in the document refers to it. Each is
a module of ``kinds`` that declares ``STARTER``. Import the names below from here.
"""

from nodeflow.document.starters.catalog import STARTERS, fitting, make
from nodeflow.document.starters.material import Material, look_at
from nodeflow.document.starters.starter import Starter

__all__ = ["STARTERS", "Material", "Starter", "fitting", "look_at", "make"]

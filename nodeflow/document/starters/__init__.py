"""Starters: complete graphs for a user's own data, trained with one click.

A starter makes an ordinary document from a data set; the document does not refer to the starter.
Each starter is a module of ``kinds`` that declares ``STARTER``. Other folders import the names
below from here.
"""

from nodeflow.document.starters.catalog import STARTERS, fitting, make
from nodeflow.document.starters.material import Material, look_at
from nodeflow.document.starters.starter import Starter

__all__ = ["STARTERS", "Material", "Starter", "fitting", "look_at", "make"]

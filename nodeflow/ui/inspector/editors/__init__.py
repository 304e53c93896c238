"""Editors of attributes, and the conversion between typed text and values."""

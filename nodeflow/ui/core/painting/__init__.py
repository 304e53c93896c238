"""Painting with Qt: arrays of shapes, text in scene units, pictures."""

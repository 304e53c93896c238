"""Edits of the graph through menus, keys and popups."""

"""The main window: it makes all parts, docks the panels, and has menus, toolbar and status bar.

Only `ui.app` imports this package.
"""

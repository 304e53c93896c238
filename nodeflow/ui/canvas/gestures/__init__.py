"""Gestures: mouse actions between press and release, one class for each.

A gesture gets the scene, the viewport and other objects that it changes. It knows neither the
widget nor `view`. `view.mouse` starts gestures. The window imports only `navigation_presets`.
"""

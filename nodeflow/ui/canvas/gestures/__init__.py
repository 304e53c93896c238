"""Gestures: mouse actions between press and release, one class for each.

A gesture gets the scene, the viewport and whatever else it changes; it knows neither the widget nor
`view`. `view.mouse` starts gestures; the window imports `navigation_presets` only.
"""

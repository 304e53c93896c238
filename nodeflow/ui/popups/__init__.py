"""What lies over the canvas or stops the user for a moment: lists to pick from, bars, dialogs.

A popup takes its models and callables; it imports neither pages, panels nor controllers.
"""

"""Dialogs that stop the user for a moment: questions, exports, settings."""

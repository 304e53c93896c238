"""Dialogs that interrupt the user: questions, exports, settings."""

"""Edits: each function is one transaction on a document, one undo step.

Views, the command line and `build` call these functions instead of opening transactions. Imports
everything below, and neither `build` nor `formula`.
"""

"""Edits: each function is one transaction on a document, and so one undo step.

Views, the command line and `to_graph` call these functions instead of opening transactions.
"""

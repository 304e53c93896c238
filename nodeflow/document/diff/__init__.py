"""Differences between two documents, and merging the changes of two into one.

Both operations compare documents as facts (`facts`): one value per path. They match nodes and
frames by id, whatever their name and graph.
"""

"""Differences between two documents, and merging the changes of two into one.

Both compare documents as facts (`facts`): one value per path. Nodes and frames are matched by id,
whatever their name and graph.
"""

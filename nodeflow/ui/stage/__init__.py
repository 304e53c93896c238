"""The stage: the main result of a graph in large, with a few controls and the training bar.

The stage is a second way to look at the open document. The file stores its pinned views and
controls (`document.edit.stage`). The stage itself stores only which view is in front.
"""

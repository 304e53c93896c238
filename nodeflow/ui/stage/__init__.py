"""The stage: the result of a graph in large, with a few controls and the training bar.

It is a second way of looking at the open document. Its pins are content of the file
(`document.edit.stage`); it keeps no state of its own but which view is in front.
"""

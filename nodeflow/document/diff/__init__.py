"""What differs between two documents, and merging the changes of two into one.

Both compare documents as facts (`facts`): one value per path, where nodes and frames are found by
id, whatever they are called and whichever graph holds them.
"""

"""Converting a graph to a document, whether Python made the graph or a file of another program
did.
"""

"""The functions of `nf.layers`, each of which adds a layer to the graph."""

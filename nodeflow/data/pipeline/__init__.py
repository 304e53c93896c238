"""`nf.data.Dataset`: streams of elements, with TensorFlow 1's composition methods.

`elements` is the contract; `sources`, `transforms` and `functions` implement it; `dataset` is the
public class. `iterators` connects a data set to a graph.
"""

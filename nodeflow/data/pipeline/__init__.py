"""`nf.data.Dataset`: streams of elements, as TensorFlow 1 composes them.

`elements` is the contract; `sources`, `transforms` and `functions` implement it; `dataset` is what
users see. `iterators` connects a data set to a graph.
"""

"""`nf.data.Dataset`: streams of elements, with TensorFlow 1's composition methods.

`elements` defines the interface of stages; `sources`, `transforms` and `functions` implement it;
`dataset` has the public class. `iterators` connects a data set to a graph.
"""

"""The tensor graph: the computation and its types, but not its execution.

``declaration`` and ``op`` contain the declarations of ops, ``registry`` finds ops by id, ``graph``
contains tensors and nodes, ``inference`` checks the inputs of a node and infers its types, and
``gradients`` adds the nodes of derivatives. All higher layers import from here. This package
imports only ``nodeflow.errors`` and numpy: nothing that executes graphs, compiles, draws or reads
files.
"""

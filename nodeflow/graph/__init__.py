"""The tensor graph: what is computed and of which type, but not how.

``declaration`` and ``op`` are what an op declares, ``registry`` finds ops by id, ``graph`` holds
tensors and nodes, ``infer`` checks a node's inputs and infers its types, ``gradients`` adds the
nodes of derivatives. Everything above imports from here; from outside, only ``nodeflow.errors`` and
numpy are imported. No execution, no numba, no Qt, no files.
"""

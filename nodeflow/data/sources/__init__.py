"""One module for each kind of data set, which declares it as ``SOURCE``.

`nodeflow.data.catalog` finds the modules by listing this package, so a new source is a new file
here. Import `nodeflow.data` instead of these modules, except for code that concerns a single
source.
"""

"""Facts about a document found without running it: types, problems, declarations, ports, order.

`inference` keeps types and problems up to date, edit by edit (`Analysis`). `declarations` and
`wiring` import `inference`, so it must not import them. This folder imports only `model` from the
rest of `document`; other folders may import any of its modules.
"""

"""Facts about a document found without running it: types, problems, declarations, ports, order.

`inference` keeps types and problems up to date, edit by edit (`Analysis`). It uses `subgraphs`,
`datasets`, `traversal`, `port_names` and `plain_declaration`. It must not import `declarations` and
`wiring`, which use it. Of the rest of `document` this folder imports only `model`; all of its
modules may be imported from outside.
"""

"""Facts about a document found without running it: types, problems, declarations, ports, order.

`Analysis` keeps types and problems up to date, edit by edit. It uses the modules `inference`,
`paths`, `traversal`, `subgraph_interface`, `port_names` and `plain_declaration`. It must not import
`declarations`, `ports`, `wire_check` and `op_matching`, which use it. Of the rest of `document`
this folder imports only `model`; all of its modules may be imported from outside.
"""

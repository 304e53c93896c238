"""What is known of a document without running it: types, problems, declarations, ports, order.

`Analysis` keeps types and problems up to date, edit by edit. Below it lie what it needs
(`inference`, `paths`, `traversal`, `subgraph_interface`, `port_names`, `plain_declaration`);
above it `declarations`, `ports`, `wire_check` and `op_matching`, which it must not import. Of the
rest of `document` this folder imports `model` alone; all of its modules may be imported from
outside.
"""

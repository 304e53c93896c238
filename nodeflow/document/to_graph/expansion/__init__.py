"""The derived nodes of a macro node, as a document to view or nodes to edit."""

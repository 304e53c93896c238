"""Types and problems of nodes, inferred again only where an edit may change them."""

"""Cards of nodes: their contents, geometry and drawing."""

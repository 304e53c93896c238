"""What joins nodeflow to other software, a folder each.

Nothing outside imports an integration: `nodeflow.manifests` reads what each one offers from its
``manifest.json`` and loads the objects when a user wants them. So a folder can be deleted, and
everything else still works.
"""

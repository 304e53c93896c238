"""Integrations, which join nodeflow to other software. Each has a folder.

Nothing outside imports an integration. `nodeflow.manifests` reads its offers from its
``manifest.json`` and loads an object when a user wants it. So a folder can be deleted, and
everything else still works.
"""

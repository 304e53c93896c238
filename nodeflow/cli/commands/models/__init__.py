"""Commands that make graphs, import and export them: new, import, export."""

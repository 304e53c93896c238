"""What integrations offer for other programs: models as files, graphs as code, comparisons."""

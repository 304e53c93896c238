"""Exchange with other programs, offered by integrations: models as files, graphs as code,
comparisons.
"""

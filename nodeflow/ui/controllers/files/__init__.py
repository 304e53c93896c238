"""Opening, saving, comparing and recovering files."""

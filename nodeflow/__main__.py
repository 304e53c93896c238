"""``python -m nodeflow`` runs the command ``nodeflow``."""

import sys

from nodeflow.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

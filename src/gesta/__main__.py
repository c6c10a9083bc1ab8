"""``python -m gesta`` is the command ``gesta``."""

import sys

from gesta.cli import main

sys.exit(main())

"""``python -m retitlekit`` is the command line."""

import sys

from retitlekit.cli import main

sys.exit(main())

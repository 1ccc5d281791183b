"""python -m clipmini VERB."""

import sys

from clipmini.cli import main

sys.exit(main())

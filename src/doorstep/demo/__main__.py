"""`python -m doorstep.demo` is `doorstep demo`."""

from __future__ import annotations

import sys

from doorstep.demo.main import main

sys.exit(main(sys.argv[1:]))

"""Run the journey and the races once more, against a PostgreSQL 15 or newer that the system brought along.

Doorstep's own server is newer than what many people operate; this run proves that no SQL leans on it. Without such a
server one line says so and nothing runs. Arguments are handed on to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from doorstep.db import embedded

FOLDERS = ("tests/journey", "tests/races")
NOTHING_COLLECTED = 5


def main() -> int:
    """Return pytest's exit code, or 0 when there is nothing to run against or nothing to run."""
    root = Path(__file__).resolve().parent.parent
    server = embedded.find_system_binaries()
    if server is None:
        print(
            "system PostgreSQL: none of version 15 or newer is installed, so only the bundled one is tested", flush=True
        )
        return 0
    folders = [name for name in FOLDERS if (root / name).is_dir()]
    if not folders:
        print("system PostgreSQL: no journey or race tests to run", flush=True)
        return 0
    print(f"system PostgreSQL {server.major}: {', '.join(folders)}", flush=True)
    environment = {**os.environ, "DOORSTEP_TEST_PG_BIN": str(server.bin_dir)}
    code = subprocess.call([sys.executable, "-m", "pytest", *sys.argv[1:], *folders], cwd=root, env=environment)
    return 0 if code == NOTHING_COLLECTED else code


if __name__ == "__main__":
    sys.exit(main())

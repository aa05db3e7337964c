"""Run the commands of a page as they stand there, in one shell and an empty folder."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, page

needs_shell = pytest.mark.skipif(
    not shutil.which("curl") or not shutil.which("bash"), reason="the page needs curl and bash"
)


def environment(folder: Path, dsn: str, **more: str) -> dict[str, str]:
    """The variables of a process that works on a test's database: nothing of the outer DOORSTEP_ gets in."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("DOORSTEP_")}
    return env | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "NO_PROXY": "*",
        "DOORSTEP_DATABASE_URL": dsn,
        "DOORSTEP_DATA": str(folder / "data"),
        **more,
    }


async def run_commands(path: str, folder: Path, env: dict[str, str], *, within_s: float = 60.0) -> str:
    """Run all `sh` blocks of a page one after the other; fails when one command does. Returns what they said."""
    (folder / "page.sh").write_text("\n".join(["set -eu -o pipefail", *page(path).blocks("sh")]), encoding="utf-8")
    shell = await asyncio.create_subprocess_exec(
        "bash", "page.sh", cwd=folder, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        said = (await asyncio.wait_for(shell.communicate(), within_s))[0].decode()
    finally:
        if shell.returncode is None:
            shell.kill()
    assert shell.returncode == 0, said[-4000:]
    return said

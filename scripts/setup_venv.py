"""Make the project's virtual environment with nothing but the standard library; `make` calls this before everything.

Of the machine's Pythons it takes the one that make names, or a much faster one. It installs requirements-dev.lock with
hashes required, then the project itself, editable. A stamp inside `.venv` says what was installed where, so that a
second call answers in a few milliseconds and a changed lock or moved folder installs again. All words go to stderr:
stdout belongs to the command that make runs afterwards.
"""

from __future__ import annotations

import fcntl
import hashlib
import math
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".doorstep-installed"
LOCK = "requirements-dev.lock"
INPUTS = ("pyproject.toml", LOCK)
OLDEST = (3, 11)
NEWER_NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")
SYSTEM_FOLDERS = "/usr/bin:/usr/local/bin:/opt/homebrew/bin"
# What a Python must be faster by, to be taken instead of the one that `python3` names: builds with profile-guided
# optimization (Debian's, Fedora's, Docker's) are 1.4 times as fast as what pyenv compiles when told nothing.
WORTH_ANOTHER = 1.25
SPEED = """
import time
class Sum:
    def __init__(self, n): self.n = n
    def plus(self, n): return self.n + n
def work():
    begun, seen = time.perf_counter(), {}
    for n in range(30_000):
        seen[str(n % 100)] = [one for one in (n, Sum(n).plus(n))]
    return time.perf_counter() - begun
print(min(work() for _ in range(7)))
"""


def say(text: str) -> None:
    """Print one progress line to stderr."""
    print(f"set-up: {text}", file=sys.stderr, flush=True)


def fingerprint() -> str:
    """Tell apart every state that needs another installation: inputs, folder, interpreter."""
    digest = hashlib.sha256(str(ROOT).encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    config = VENV / "pyvenv.cfg"
    digest.update(config.read_bytes() if config.exists() else b"")
    return digest.hexdigest()


def is_installed() -> bool:
    """Say whether the stamp matches and the interpreter it was made for still exists."""
    return STAMP.exists() and PYTHON.exists() and STAMP.read_text() == fingerprint()


def is_sound() -> bool:
    """Say whether the environment can take another installation: made here, and its interpreter runs."""
    pip = VENV / "bin" / "pip"
    made_here = pip.exists() and str(VENV) in pip.read_text(errors="replace").splitlines()[0]
    return made_here and subprocess.call([str(PYTHON), "-c", "import pip"], stderr=subprocess.DEVNULL) == 0


def use_a_recent_python() -> None:
    """Go on with a newer interpreter from PATH when this one is too old for Doorstep; end with a clear word if none."""
    if sys.version_info >= OLDEST:
        return
    for name in NEWER_NAMES:
        found = shutil.which(name)
        works = found and subprocess.call([found, "-c", ""], stderr=subprocess.DEVNULL) == 0
        if found and works:
            os.execv(found, [found, *sys.argv])
    have = ".".join(map(str, sys.version_info[:3]))
    sys.exit(
        f"set-up: Doorstep needs Python 3.11 or newer, this is {have}. Install one, or: make PYTHON=/path/to/python3.12"
    )


def seconds(python: str) -> float:
    """How long a small program takes with this Python; for ever, if it is too old or cannot make environments."""
    able = f"import sys, venv, ensurepip; assert sys.version_info >= {OLDEST}{SPEED}"
    done = subprocess.run([python, "-I", "-c", able], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return float(done.stdout) if done.returncode == 0 else math.inf


def use_a_fast_python() -> None:
    """Go on with another interpreter of this machine when it is much faster: every process of Doorstep gains."""
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_FOLDERS}"
    names = ("python3", *NEWER_NAMES)
    found = {
        os.path.realpath(way)
        for name in names
        for folder in path.split(":")
        if (way := shutil.which(name, path=folder))
    }
    mine = seconds(sys.executable)
    times = {python: seconds(python) for python in sorted(found - {os.path.realpath(sys.executable)})}
    fastest = min(times, key=times.__getitem__, default=sys.executable)
    if times.get(fastest, math.inf) * WORTH_ANOTHER < mine:
        say(f"{fastest} is {mine / times[fastest]:.1f} times as fast as {sys.executable}, so it is used")
        say("(to use another one: make clean setup PYTHON=python3)")
        os.execv(fastest, [fastest, *sys.argv, "--this"])


def run(step: str, argv: list[str]) -> None:
    """Run one quiet step; show its output only when it fails, then end with its exit code."""
    say(step)
    environment = {
        **os.environ,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    environment.pop("PIP_USER", None)
    done = subprocess.run(
        argv, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        sys.stderr.write(done.stdout.decode(errors="replace"))
        say(f"failed: {step}")
        sys.exit(done.returncode)


def make_venv() -> None:
    """Create an empty virtual environment, replacing one that cannot be trusted (moved, or its interpreter gone)."""
    if find_spec("ensurepip") is None or find_spec("venv") is None:  # Debian ships both apart from Python
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        sys.exit(
            f"set-up: this Python ({sys.executable}) cannot make a virtual environment.\n"
            f"        Debian, Ubuntu: apt-get install python{version}-venv (or python3-venv)\n"
            "        Fedora: dnf install python3-pip"
        )
    shutil.rmtree(VENV, ignore_errors=True)
    run(f"making .venv with Python {sys.version.split()[0]}", [sys.executable, "-m", "venv", str(VENV)])


def install() -> None:
    """Install what the lock names, hash by hash, and the project on top."""
    started = time.monotonic()
    if not is_sound():
        make_venv()
    STAMP.unlink(missing_ok=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet"]
    run("installing the locked dependencies (about a minute the first time)", [*pip, "--require-hashes", "-r", LOCK])
    run("installing doorstep, editable", [*pip, "--no-deps", "--no-build-isolation", "--editable", "."])
    STAMP.write_text(fingerprint())
    say(f"ready after {time.monotonic() - started:.0f} s")


def main() -> None:
    """Set up once, however many makes start at the same time. `--this`: with the Python that runs this, no other."""
    use_a_recent_python()
    if is_installed():
        return
    if "--this" not in sys.argv and not is_sound():
        use_a_fast_python()
    with open(__file__) as turnstile:
        fcntl.flock(turnstile, fcntl.LOCK_EX)
        if not is_installed():
            install()


if __name__ == "__main__":
    main()

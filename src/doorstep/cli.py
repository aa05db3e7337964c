"""The command line: `doorstep …`. Commands load when they are asked for, so that help comes at once."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import rich_click as click
from click.exceptions import Exit

from doorstep import __version__

click.rich_click.TEXT_MARKUP = "rich"
click.rich_click.TEXT_PARAGRAPH_LINEBREAKS = "\n\n"
click.rich_click.MAX_WIDTH = 110
click.rich_click.COMMAND_GROUPS = {
    "doorstep": [
        {"name": "Run it", "commands": ["up", "demo", "serve", "worker", "migrate"]},
        {"name": "Set it up", "commands": ["brand", "key", "user", "import", "feed"]},
        {"name": "Look after it", "commands": ["doctor", "audit", "search", "backup", "restore", "bench"]},
        {"name": "On the floor", "commands": ["work"]},
    ]
}

# Where each command lives: module and name in it.
COMMANDS = {
    "up": ("running", "up"),
    "serve": ("running", "serve"),
    "worker": ("running", "worker"),
    "migrate": ("running", "migrate"),
    "demo": ("running", "demo"),
    "brand": ("brands", "brand"),
    "key": ("brands", "key"),
    "user": ("people", "user"),
    "import": ("imports", "import_"),
    "feed": ("feeding", "feed"),
    "audit": ("checks", "audit"),
    "doctor": ("checks", "doctor"),
    "search": ("searching", "search"),
    "backup": ("backups", "backup"),
    "restore": ("backups", "restore"),
    "bench": ("running", "bench"),
    "work": ("floor", "work"),
}

_HELP = """Order management from the click to the doorstep, and back.

[bold]Begin:[/]  [cyan]doorstep demo[/] plays real orders through the whole journey. [cyan]doorstep up[/] starts an
empty Doorstep, PostgreSQL included. [cyan]doorstep doctor[/] says what is wrong, and what to do.

Settings come from the environment (DOORSTEP_…; see [cyan]doorstep up --help[/]). With [cyan]--json[/] a command answers
machines: one JSON value on stdout.

[bold]Exit codes:[/]  0 done · 1 a check failed or it could not be done · 2 wrong usage or settings · 3 not reachable
"""


class Commands(click.RichGroup):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name, None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        return getattr(import_module(f"doorstep.commands.{module}"), name)


cli = Commands(name="doorstep", help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
click.version_option(__version__, prog_name="doorstep")(cli)


def main(arguments: list[str] | None = None) -> None:
    """Run a command line and exit with its code."""
    given = sys.argv[1:] if arguments is None else arguments
    from doorstep.commands import console

    try:
        code = cli.main(args=given, prog_name="doorstep", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else console.OK)
    except click.ClickException as error:
        if "--json" in given:
            console.emit({"error": error.format_message()})
        else:
            error.show()
        sys.exit(error.exit_code)
    except Exit as stop:
        sys.exit(stop.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone, e.g. `doorstep … | head`.
        sys.stderr.close()
        sys.exit(console.OK)
    except Exception as error:  # noqa: BLE001  # what has a meaning is told in words; anything else is raised again
        sys.exit(console.report(error, machine="--json" in given))

"""Who owns the folder a command line writes to: the user a container works as.

python -m versectl.cli.owner run-all /data/in /data/out   prints that user as uid:gid.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from versectl.cli.main import main

#: Parameters of commands that say where they write or, failing that, read; the first given counts.
FOLDERS = ("out", "output", "csv", "folder", "pred")

#: chosen: for command lines without a folder, such as --help: nobody's user.
NOBODY = (65534, 65534)


def owner(words: Sequence[str]) -> tuple[int, int]:
    """User and group of the folder that a command line names, or of its nearest existing parent."""
    named = parameters(words)
    paths = (named.get(name) for name in FOLDERS)
    chosen = next((path for path in paths if isinstance(path, Path)), None)
    if chosen is None:
        return NOBODY
    folder = chosen.resolve()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return there.stat().st_uid, there.stat().st_gid


def parameters(words: Sequence[str]) -> dict[str, object]:
    """What a command line gives to its command, by name; empty where it is no command's."""
    command: click.Command | None = main
    context, rest = click.Context(main), list(words)
    while isinstance(command, click.Group) and rest:
        command = command.get_command(context, rest.pop(0))
    if command is None or isinstance(command, click.Group):
        return {}
    try:
        return command.make_context(command.name, rest, resilient_parsing=True).params
    except click.UsageError:  # the command itself tells
        return {}


if __name__ == "__main__":
    print("{}:{}".format(*owner(sys.argv[1:])))

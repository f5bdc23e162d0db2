"""Who owns the folder a command line writes to: the user a container works as.

python -m versectl.cli.owner run-all /data/in /data/out   prints that user as uid:gid.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from versectl.cli.main import main

#: Parameters of commands that say where they write; the first given counts, then what is read.
WRITTEN = ("out", "output", "csv")

#: chosen: for command lines without a path, such as --help: nobody's user.
NOBODY = (65534, 65534)


def owner(words: Sequence[str]) -> tuple[int, int]:
    """User and group of the path that a command line names, or of its nearest existing parent."""
    chosen = next(paths(parameters(words)), None)
    if chosen is None:
        return NOBODY
    folder = chosen.resolve()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return there.stat().st_uid, there.stat().st_gid


def paths(named: Mapping[str, object]) -> Iterator[Path]:
    """The paths among parameters, those that are written to first."""
    written = [named[name] for name in WRITTEN if name in named]
    for value in (*written, *named.values()):
        several = value if isinstance(value, tuple) else (value,)
        yield from (path for path in several if isinstance(path, Path))


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

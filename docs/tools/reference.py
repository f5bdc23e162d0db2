"""Writes docs/commands.md from the commands themselves.

python docs/tools/reference.py   writes the page; tests/docs/test_reference.py fails when it is stale.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from versectl.cli.main import main

PAGE = Path(__file__).parents[1] / "commands.md"

HEAD = """# Commands

This page is made from the commands by `make docs-reference`; `versectl COMMAND --help` shows the
same. Options can be given on the command line or in the environment.
"""


def page() -> str:
    """The whole page."""
    context = click.Context(main, info_name="versectl")
    sections = [HEAD, *(section(*found) for found in commands(context))]
    return "\n".join(sections)


def commands(context: click.Context) -> Iterator[tuple[click.Context, click.Command]]:
    """Every command below a group, in order of name, with its context."""
    group = context.command
    assert isinstance(group, click.Group)
    for name in sorted(group.commands):
        command = group.commands[name]
        below = click.Context(command, info_name=name, parent=context)
        yield below, command
        if isinstance(command, click.Group):
            yield from commands(below)


def section(context: click.Context, command: click.Command) -> str:
    """A command: how to call it, what it does, its options."""
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"## {context.command_path}", "", "```text", usage, "```", "", prose(command), ""]
    rows = list(options(context, command))
    if rows:
        lines += ["| Option | Meaning |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def prose(command: click.Command) -> str:
    """A command's help as paragraphs."""
    paragraphs = (command.help or "").replace("\b\n", "").split("\n\n")
    return "\n\n".join(escaped(" ".join(paragraph.split())) for paragraph in paragraphs)


def options(context: click.Context, command: click.Command) -> Iterator[str]:
    """A table row per option."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record and parameter.name != "help":
            names, meaning = record
            yield f"| `{names.replace('|', chr(92) + '|')}` | {escaped(meaning)} |"


def escaped(text: str) -> str:
    """Text in which nothing is taken for Markdown or HTML."""
    for character in "\\|<>[]*_":
        text = text.replace(character, "\\" + character)
    return text


if __name__ == "__main__":
    PAGE.write_text(page())

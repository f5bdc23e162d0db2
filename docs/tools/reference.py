"""Writes docs/commands.md from the commands themselves.

python docs/tools/reference.py   writes the page; a test fails when it is stale.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from versectl.cli.main import main

PAGE = Path(__file__).parents[1] / "commands.md"

HEAD = """# Commands

This page is made from the commands by `make docs-reference`; `versectl COMMAND --help` shows the
same. Every option can also be set in the environment: `--timeout-s` is `VERSECTL_TIMEOUT_S`.
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
    parameters = [p for p in command.params if isinstance(p, click.Option)]
    if parameters:
        lines += ["| Option | Default | Meaning |", "|---|---|---|"]
        lines += [row(parameter, context) for parameter in parameters] + [""]
    return "\n".join(lines)


def prose(command: click.Command) -> str:
    """A command's help as paragraphs."""
    paragraphs = (command.help or "").replace("\b\n", "").split("\n\n")
    return "\n\n".join(marked(" ".join(paragraph.split())) for paragraph in paragraphs)


def row(option: click.Option, context: click.Context) -> str:
    """A row of the table of options."""
    names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len, reverse=True))
    value = "" if option.is_flag else f" `{option.make_metavar(context)}`".replace("|", "\\|")
    default = "required" if option.required else shown_default(option)
    return f"| {names}{value} | {default} | {marked(option.help or '')} |"


def shown_default(option: click.Option) -> str:
    """The value an option has when it is not given; empty where there is none to show."""
    shown = option.show_default and option.default is not None
    return f"`{option.default}`" if shown else ""


def marked(text: str) -> str:
    """Text as Markdown: file names as code, nothing else taken for markup."""
    words = (
        re.sub(r"^(\(?)(\S*[<_/]\S*?)([.,;:)]*)$", r"\1`\2`\3", word) for word in text.split(" ")
    )
    return " ".join(word if "`" in word else word.replace("[", "\\[") for word in words)


if __name__ == "__main__":
    PAGE.write_text(page())

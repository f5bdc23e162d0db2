"""How a command receives what is given: arguments, options, and records of them."""

import functools
import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from versectl.errors import BadInputError

FILE = click.Path(path_type=Path)

#: A click command's function, or what click makes of it.
Command = Callable[..., Any]

#: Adds an argument, an option or a record to a command.
Decorator = Callable[[Command], Command]

#: What click calls with an option's value; it returns the value to use.
Callback = Callable[[click.Context, click.Parameter, Any], Any]


def option(*names: str, **settings: Any) -> Decorator:
    """A click option that can also be set in the environment: --weights is VERSECTL_WEIGHTS."""
    long = next(name for name in names if name.startswith("--"))
    variable = "VERSECTL_" + long.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, **settings)


def adding(*decorators: Decorator) -> Decorator:
    """A decorator that adds these arguments and options, in this order."""
    return lambda command: functools.reduce(lambda f, add: add(f), reversed(decorators), command)


def gathered(kind: Callable[..., object], name: str) -> Decorator:
    """A decorator that hands a command the options of a record as one argument of this name."""
    fields = tuple(inspect.signature(kind).parameters)

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def wrapper(**given: Any) -> Any:
            record = _record(kind, {field: given.pop(field) for field in fields})
            return command(**given, **{name: record})

        return wrapper

    return decorate


def _record(kind: Callable[..., object], options: dict[str, Any]) -> object:
    """The record of these options; UsageError where they do not go together."""
    try:
        return kind(**options)
    except BadInputError as error:
        raise click.UsageError(str(error)) from error


def matching(pattern: str, described: str) -> Callback:
    """A callback that refuses a value which does not match the pattern; None stays None."""

    def check(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(pattern, value):
            raise click.BadParameter(f"{value!r} is not {described}.")
        return value

    return check


class InOutCommand(click.Command):
    """A command on IN... OUT that takes -i IN -o OUT as well, as other tools spell it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words, those of -i and -o as arguments."""
        rest = super().parse_args(ctx, as_arguments(args))
        if ctx.params.get("manifest") is not None and len(ctx.params.get("sources") or ()) > 1:
            raise click.UsageError(
                "--manifest goes with one IN, the folder that its paths start from.", ctx
            )
        return rest


def as_arguments(words: Sequence[str]) -> list[str]:
    """The words with the values of -i and -o at their end, as IN... OUT.

    >>> as_arguments(["-i", "a", "--preview", "-o", "out", "-i", "b"])
    ['--preview', 'a', 'b', 'out']
    """
    given: dict[str, list[str]] = {"-i": [], "-o": []}
    rest, left = [], iter(words)
    for word in left:
        if word in given:
            given[word].append(next(left, ""))
        else:
            rest.append(word)
    if not given["-i"] and not given["-o"]:
        return rest
    if not given["-i"] or len(given["-o"]) != 1:
        raise click.UsageError("-i IN and -o OUT go together; give -i for each IN, and -o once.")
    return [*rest, *given["-i"], *given["-o"]]

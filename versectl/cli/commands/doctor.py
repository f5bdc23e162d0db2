"""The command that looks whether an installation works."""

import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from versectl.cli.options import DEVICE, ENGINE, PRECISION, VERBOSITY, WEIGHTS
from versectl.cli.parsing import adding, option

if TYPE_CHECKING:
    from versectl.types import Engine, Models


@click.command()
@option("--skip-test", is_flag=True, help="Do not process a synthetic CT.")
@adding(WEIGHTS, ENGINE, DEVICE, PRECISION, *VERBOSITY)
def doctor(
    weights: Path | None, engine: str | None, device: str, precision: str, skip_test: bool
) -> None:
    """Check the installation on a small synthetic CT.

    Shows versions, engine, device, precision and weights. Ends with the exit code of what does not
    work: 2 for an engine or device that is not available, 6 for weights, 1 if the networks do not
    find what was drawn.
    """
    from versectl.networks import loading
    from versectl.networks.engines import choice

    for line in _installation(weights, choice.prepare(engine, device, precision).engine):
        click.echo(line)
    if not skip_test:
        for line in _tested(loading.Models(weights, engine, device, precision)):
            click.echo(line)


def _tested(models: "Models") -> Iterator[str]:
    """What the self-test found; VersectlError when that is not what was drawn."""
    from versectl import self_test

    found = self_test.run(models)
    found.check()
    yield f"self-test   {', '.join(found.found)} found, {', '.join(found.drawn)} drawn"
    yield f"            Dice {found.dice:.2f}, {found.seconds:.0f} s with loading: works"


def _installation(weights: Path | None, engine: "Engine") -> Iterator[str]:
    """A line for each thing that results depend on."""
    from versectl.networks import weights as store
    from versectl.networks.engines import choice
    from versectl.report import case_report

    versions = case_report.versions()
    yield f"versectl    {versions.pop('versectl')}, {platform.platform()}"
    yield f"libraries   {', '.join(f'{name} {found}' for name, found in versions.items())}"
    others = [name for name in choice.TITLES if name != engine.name and choice.is_installed(name)]
    also = f" (also installed: {', '.join(others)})" if others else ""
    yield f"engine      {engine.name} {engine.version}{also}"
    yield f"device      {engine.device}, {platform.machine()}"
    yield f"precision   {engine.precision}"
    yield f"weights     {weights or store.default_folder()}"
    yield from (f"            {line}" for line in store.summary(weights))

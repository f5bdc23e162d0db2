"""The command that looks whether an installation works."""

import platform
from collections.abc import Iterator
from pathlib import Path

import click

from versectl.cli.options import DEVICE, PRECISION, VERBOSITY, WEIGHTS, adding, option


@click.command()
@option("--skip-test", is_flag=True, help="Do not process a synthetic CT.")
@adding(WEIGHTS, DEVICE, PRECISION, *VERBOSITY)
def doctor(weights: Path | None, device: str, precision: str, skip_test: bool) -> None:
    """Show versions, device, precision and weights, and process a small synthetic CT.

    Ends with the exit code of what does not work: 2 for a device that is not available, 6 for
    weights, 1 if the networks do not find what was drawn.
    """
    for line in _installation(weights, device, precision):
        click.echo(line)
    if skip_test:
        return
    from versectl import self_test
    from versectl.networks import loading

    found = self_test.run(loading.Models(weights, device, precision))
    found.check()
    click.echo(f"self-test   {', '.join(found.found)} found, {', '.join(found.drawn)} drawn")
    click.echo(f"            Dice {found.dice:.2f}, {found.seconds:.0f} s with loading: works")


def _installation(weights: Path | None, device: str, precision: str) -> Iterator[str]:
    """A line for each thing that results depend on."""
    from versectl.networks import device as machine
    from versectl.networks import weights as store
    from versectl.report import case_report

    versions = case_report.versions()
    yield f"versectl    {versions.pop('versectl')}, {platform.platform()}"
    yield f"libraries   {', '.join(f'{name} {found}' for name, found in versions.items())}"
    computes_in = machine.prepare(device, precision)
    yield f"device      {machine.in_use()}, {platform.machine()}"
    yield f"precision   {computes_in}{' (chosen by auto)' if precision == 'auto' else ''}"
    yield f"weights     {weights or store.default_folder()}"
    yield from (f"            {line}" for line in store.summary(weights))

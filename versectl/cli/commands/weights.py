"""Commands about the networks' weights."""

from pathlib import Path

import click

from versectl import config
from versectl.cli.options import WEIGHTS
from versectl.cli.parsing import FILE, adding, option


@click.group()
def weights() -> None:
    """Show, check and import the networks' weights.

    path, list and verify take --weights; without it, they look at the weights that come with
    versectl.
    """


@weights.command("path")
@adding(WEIGHTS)
def weights_path(weights: Path | None) -> None:
    """Print the folder of the weights."""
    from versectl.networks import weights as store

    click.echo(weights or store.default_folder())


@weights.command("list")
@adding(WEIGHTS)
def weights_list(weights: Path | None) -> None:
    """Print stage, network, protocol, size and SHA-256 of all weights; checks the SHA-256."""
    from versectl.networks import weights as store

    click.echo("\n".join(store.summary(weights)))


@weights.command("verify")
@adding(WEIGHTS)
def weights_verify(weights: Path | None) -> None:
    """Load every network; ends with code 6 when a file is missing, damaged or does not fit."""
    from versectl.networks.engines import choice

    choice.prepare(device="cpu", precision="float32")
    from versectl.networks import weights as store

    for stage in config.STAGES:
        store.load_network(weights, stage)
        click.echo(f"{stage}: complete and undamaged")


@weights.command("import")
@click.argument("folder", metavar="FOLDER", type=FILE)
@option("--out", type=FILE, required=True, help="Folder to write the weights to, for --weights.")
def weights_import(folder: Path, out: Path) -> None:
    """Convert the TensorFlow checkpoints that the paper's authors released.

    FOLDER and the folders below it hold NAME.index and NAME.data-00000-of-00001 for each stage.
    """
    from versectl.networks.engines import choice

    choice.prepare("tensorflow", "cpu", "float32")  # which reads checkpoints
    from versectl.networks import checkpoints

    for stage, release in checkpoints.import_folder(folder, out).items():
        click.echo(f"{stage}: {release}")

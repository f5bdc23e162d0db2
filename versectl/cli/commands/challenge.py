"""Commands that speak the challenges' protocols."""

from pathlib import Path

import click

from versectl.challenges.sockets import Sockets
from versectl.cli.options import RUN, VERBOSITY, RunOptions
from versectl.cli.parsing import FILE, Decorator, adding, gathered, matching, option

#: A slug leads to no other folder.
SLUG = matching(r"[a-z0-9-]+", "made of small letters, digits and dashes")


def slug(name: str, default: str | None, help_text: str) -> Decorator:
    """An option that names a socket (an input or output slot) of a challenge."""
    return option(name, default=default, show_default=True, callback=SLUG, help=help_text)


@click.command()
@click.argument("source", metavar="IN", type=FILE)
@click.argument("out", metavar="OUT", type=FILE)
@option(
    "--layout",
    type=click.Choice(["verse2019", "verse2020"]),
    required=True,
    help="IN/<id>.nii.gz (verse2019) or IN/<subject>/<id>.nii.gz (verse2020).",
)
@adding(*RUN, *VERBOSITY)
def challenge(source: Path, out: Path, layout: str, options: RunOptions) -> None:
    """Process the test scans of a VerSe challenge.

    Writes <id>_seg.nii.gz and <id>_ctd.json, the centroids in the challenge's own axes, in
    millimetres.
    """
    from versectl.batch.job import RUN_ALL
    from versectl.challenges import verse

    job = options.job(verse.workplace(out), RUN_ALL)
    verse.run(source, out, verse.LAYOUTS[layout], job)


@click.command()
@option("--input", type=FILE, default=Path("/input"), show_default=True, help="Input folder.")
@option("--output", type=FILE, default=Path("/output"), show_default=True, help="Output folder.")
@slug("--ct", None, "Socket of the CT. Default: any image.")
@slug("--segmentation", "vertebrae", "Socket of the label map.")
@slug("--centroids", "vertebral-bodies", "Socket of the centroids.")
@slug("--report", "versectl-report", "Socket of the report.")
@option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")
@option(
    "--port",
    type=click.IntRange(1, 65535),
    default=4743,
    show_default=True,
    help="Port to listen on.",
)
@gathered(Sockets, "sockets")
@adding(*RUN, *VERBOSITY)
def serve_challenge(options: RunOptions, sockets: Sockets, host: str, port: int) -> None:
    """Serve grand-challenge.org over HTTP.

    Answers GET /health and POST /invoke; reads --input, writes --output.
    """
    from versectl.batch.job import RUN_ALL
    from versectl.challenges import grand_challenge

    job = options.job(Path(), RUN_ALL)
    grand_challenge.serve(sockets, job, host, port)

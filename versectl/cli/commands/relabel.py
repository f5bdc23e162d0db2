"""The command that corrects the labels of a case, and what it is given."""

import functools
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from versectl import labels
from versectl.cli.options import SERIES, VERBOSITY
from versectl.cli.parsing import FILE, adding, gathered, option

if TYPE_CHECKING:
    from versectl.batch.corrections.relabel import Wanted

log = logging.getLogger("versectl")


def parse_shift(_ctx: click.Context, _parameter: click.Parameter, value: int | None) -> int | None:
    """A shift other than 0; None stays None."""
    if value == 0:
        raise click.BadParameter("a shift by 0 changes nothing.")
    return value


def parse_renames(
    _ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[int, int], ...]:
    """The pairs of labels of L3=L4, ..."""
    pairs = []
    for value in values:
        old, _, new = value.partition("=")
        pairs.append((parse_label(old, value), parse_label(new, value)))
    return tuple(pairs)


def parse_anchor(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[int, tuple[float, float, float]] | None:
    """The label and the point of L5@x,y,z; None stays None."""
    if value is None:
        return None
    name, _, point = value.partition("@")
    label = parse_label(name, value)
    try:
        x, y, z = map(float, point.split(","))
    except ValueError:
        x = y = z = math.nan
    if not all(map(math.isfinite, (x, y, z))):
        raise click.BadParameter(f"{value!r} has no point; write it as L5@12.5,-30,415.")
    return label, (x, y, z)


def parse_label(name: str, within: str) -> int:
    """A vertebra's label by its name."""
    label = labels.NUMBERS.get(name.strip().upper())
    if label is None:
        raise click.BadParameter(f"{within!r} names no vertebra {name!r}; use C1 to L6 and T13.")
    return label


@dataclass(frozen=True)
class Labels:
    """How the labels of a case are to change: one of three ways."""

    shift: int | None
    renames: tuple[tuple[int, int], ...]
    anchor: tuple[int, tuple[float, float, float]] | None

    def change(self) -> "Wanted":
        """What makes the new labels of the old ones; UsageError unless one way is given."""
        from versectl.report import relabelling

        if (self.shift is not None) + bool(self.renames) + (self.anchor is not None) != 1:
            raise click.UsageError("Give one of --shift, --set and --anchor.")
        if self.shift is not None:
            return functools.partial(relabelling.shifted, by=self.shift)
        if self.anchor is not None:
            return functools.partial(relabelling.anchored, anchor=self.anchor)
        return functools.partial(relabelling.renamed, pairs=self.renames)


#: New labels of a case; reach the command as a record.
RELABEL = (
    option(
        "--shift",
        type=int,
        callback=parse_shift,
        help="Levels to move all labels down: +1 makes L1 L2, -1 makes L1 T12.",
    ),
    option(
        "--set",
        "renames",
        metavar="OLD=NEW",
        multiple=True,
        callback=parse_renames,
        help="New label for one vertebra, such as L3=L4; may be given several times.",
    ),
    option(
        "--anchor",
        metavar="LABEL@X,Y,Z",
        callback=parse_anchor,
        help="Label of the vertebra at a point (LPS, mm), such as L5@12,-30,415; the others are "
        "counted from it.",
    ),
)


@click.command()
@click.argument("out", metavar="OUT", type=FILE)
@option(
    "--case",
    "name",
    help="Name of the case: what its files in OUT begin with. Default: the only one.",
)
@adding(*RELABEL, gathered(Labels, "wanted"))
@option("--ct", type=FILE, help="CT of the case, to draw its preview and DICOM SEG again.")
@adding(SERIES, *VERBOSITY)
def relabel(
    out: Path, name: str | None, wanted: Labels, ct: Path | None, series: str | None
) -> None:
    """Correct the labels of a case in OUT.

    Centroids, masks, the report and other formats get the new labels, without a new segmentation.
    run-all keeps them.
    """
    from versectl.batch import run as batch_run
    from versectl.batch.corrections import relabel as corrections
    from versectl.report import relabelling

    case = corrections.case_of(out, name or corrections.only_case(out), ct, series)
    done = corrections.relabel(out, case, wanted.change())
    log.info("%s: %s", case.name, relabelling.described(done.change))
    for remark in done.remarks:
        log.info("  %s", remark)
    batch_run.report_flags(done.flags)

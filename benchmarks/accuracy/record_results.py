"""Measures the default weights on real and synthetic CT and writes evaluation/results/*.md.

usage: python -m benchmarks.accuracy.record_results KIND FOLDER

    real SCANS                 a folder of CT, some with masks
    synthetic CASES            a folder `versectl synth` made
    robust SCANS               a folder of CT, some with masks
    levels SCANS               the same, and all pieces of them
    levels-synthetic CASES     and two pieces of each

synthetic-people and levels-synthetic-people do the same for the second set of synthetic cases.
"""

import json
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from click.testing import CliRunner
from versectl.evaluation import protocol, report

from benchmarks import markdown
from benchmarks.accuracy import levels, variants
from versectl import geometry, labels
from versectl.cli import main as cli
from versectl.errors import PartialFailureError
from versectl.geometry import Grid
from versectl.io import centroids, layout, volume
from versectl.io.layout import Case
from versectl.report import case_report as report_file
from versectl.synth.bodies import labelmaps

RESULTS = Path(__file__).parents[2] / "evaluation" / "results"

#: A scan in which nothing was found counts as one that has nothing.
COUNTED = report.Options(count_missing_cases=True)

#: The metrics shown, and how.
SHOWN = (
    ("id_rate", "ID rate"),
    ("point_error_mm", "point error mm"),
    ("dice", "Dice"),
    ("hd_mm", "Hausdorff mm"),
)


#: Pieces of each synthetic case.
PIECES = 2

#: Frozen sets of synthetic cases: targets of make, and folders they fill under build.
FIRST, PEOPLE = "heldout", "heldout-people"


def main(kind: str, source: Path) -> None:
    """Measure and write; what a reader sees is what a user's commands gave."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        shown = KINDS[kind](source, out)
    (RESULTS / f"{kind}.md").write_text(shown)
    print(shown)


def synthetic(cases: str, source: Path, out: Path) -> str:
    """End to end on a set of synthetic cases with truth."""
    call("run-all", source, out)
    found = report.evaluate(out, source, COUNTED)
    return (
        "\n".join(
            [
                "# Held-out synthetic CT, end to end\n",
                f"```sh\n{made('synthetic', cases, source)}\n```\n",
                *scores(found),
                "\n## Per level\n",
                *per_level(found),
                "\n## Per case\n",
                *per_case(source, out),
            ]
        )
        + "\n"
    )


def real(source: Path, out: Path) -> str:
    """Every scan end to end; those with masks scored, also from their true centroids."""
    call("run-all", source, out / "all")
    given, given_out = out / "given", out / "given_out"
    for case in layout.with_labels(source):
        derive_centroids(case, given / f"{case.name}_ctd.json")
        call("segment", case.ct, given_out, "--centroids", given)
    return (
        "\n".join(
            [
                "# Real CT\n",
                "```sh\npython -m benchmarks.accuracy.record_results real ../shared/data/ct\n```\n",
                "## What was found, end to end\n",
                *per_case(source, out / "all"),
                "\n## Scans with human masks, end to end\n",
                "Centroids are derived from the masks on both sides.\n",
                *scores(report.evaluate(out / "all", source, COUNTED)),
                "\n## The same scans, segmented from true body centres\n",
                *scores(report.evaluate(given_out, source)),
            ]
        )
        + "\n"
    )


def robust(source: Path, out: Path) -> str:
    """Variants of every scan whose mask shows enough vertebrae; which keep all their names."""
    rng = np.random.default_rng(0)
    made: dict[str, variants.Variant] = {}
    for case in layout.with_labels(source):
        centers_mm = levels.without_cut(case.name, body_centers_mm(case))
        if len(centers_mm) > variants.KEPT:
            for variant in variants.of(volume.read_ct(case.ct).image, centers_mm, rng):
                made[f"{case.name}_{variant.name}"] = variant
    for name, variant in made.items():
        volume.write(variant.ct, out / "in" / f"{name}_ct.nii.gz")
    localize(out / "in", out / "out")
    if not any((out / "out").glob("*_ctd.json")):
        raise SystemExit("no variant was done: nothing was measured")
    rows = []
    for name, variant in made.items():
        right = named_right(variant, out / "out" / f"{name}_ctd.json")
        verdict = "yes" if right == len(variant.centers_mm) else "no"
        rows.append((name, len(variant.centers_mm), right, verdict))
    lines = markdown.table(("variant", "vertebrae", "named right", "all"), rows)
    kept = sum(verdict == "yes" for *_, verdict in rows)
    command = "python -m benchmarks.accuracy.record_results robust ../shared/data/ct"
    return (
        "\n".join(
            [
                "# Real CT, altered\n",
                f"```sh\n{command}\n```\n",
                f"All vertebrae named right in {kept} of {len(made)} variants.\n",
                *lines,
            ]
        )
        + "\n"
    )


def real_levels(source: Path, out: Path) -> str:
    """Levels of real scans whose vertebrae are known, and of all pieces of them."""
    command = "python -m benchmarks.accuracy.record_results levels ../shared/data/ct"
    return levels_of("Levels in real CT, whole and in pieces", command, source, out)


def synthetic_levels(cases: str, source: Path, out: Path) -> str:
    """Levels of a set of synthetic cases and of some pieces of each."""
    command = made("levels-synthetic", cases, source)
    return levels_of(
        "Levels in held-out synthetic CT, whole and in pieces", command, source, out, PIECES
    )


def made(kind: str, cases: str, source: Path) -> str:
    """The commands that make a set of synthetic cases and measure on it."""
    kind = kind if cases == FIRST else f"{kind}-people"
    return (
        f"make {cases} COUNT={len(layout.with_labels(source))}"
        f"\npython -m benchmarks.accuracy.record_results {kind} build/{cases}"
    )


def levels_of(title: str, command: str, source: Path, out: Path, most: int | None = None) -> str:
    """Are the levels right, and does the report know; of each scan at most so many pieces."""
    localize(source, out / "whole")
    truth = levels.truth(source, out / "whole", body_centers_mm)
    whole, parts = [], []
    rng = np.random.default_rng(0)
    for case in layout.with_ct(source):
        if case.name not in truth:
            continue
        ct = volume.read_ct(case.ct).image
        whole.append(levels.run_of(case.name, truth[case.name], ct, out / "whole"))
        made = list(levels.pieces(ct, truth[case.name]))
        for at in rng.permutation(len(made))[:most]:
            name, image, centers_mm = made[at]
            volume.write(image, out / "in" / f"{case.name}-{name}_ct.nii.gz")
            parts.append((f"{case.name}-{name}", centers_mm, image))
    localize(out / "in", out / "pieces")
    runs = [levels.run_of(*part, out / "pieces") for part in parts]
    shown = levels.table(levels.grouped(whole, runs))
    return "\n".join([f"# {title}\n", f"```sh\n{command}\n```\n", *shown]) + "\n"


def localize(source: Path, out: Path) -> None:
    """Run the first two stages."""
    for command in ("localize-spine", "localize-vertebrae"):
        call(command, source, out)


def named_right(variant: variants.Variant, path: Path) -> int:
    """How many vertebrae of a variant have their name, judged as in a person of full size."""
    if not path.is_file():
        return 0  # nothing was found
    found_mm = centroids.to_world(centroids.read(path), variant.ct)
    full_mm = {label: center_mm / variant.size for label, center_mm in found_mm.items()}
    true_mm = {label: center_mm / variant.size for label, center_mm in variant.centers_mm.items()}
    return sum(
        right for label, right in levels.judged(full_mm, true_mm).items() if label in true_mm
    )


def call(*words: object) -> None:
    """A command of versectl; its output is shown. Cases may fail: their reports say why."""
    result = CliRunner().invoke(cli.main, [str(word) for word in words])
    print(result.output)
    if result.exit_code not in (0, PartialFailureError.exit_code):
        raise SystemExit(result.exit_code)


def derive_centroids(case: Case, path: Path) -> None:
    """Write the centres of the bodies in a case's mask, of cut vertebrae too."""
    centroids.write(
        centroids.from_world(body_centers_mm(case), volume.read_ct(case.ct).image), path
    )


def body_centers_mm(case: Case) -> dict[int, np.ndarray]:
    """Label -> centre of the body (3,) in the world, from a case's mask, head to foot."""
    mask = volume.read_labels(case.labels)
    low_mm, high_mm = geometry.extent(mask)
    grid = Grid.centered((low_mm + high_mm) / 2, np.ceil(high_mm - low_mm) + 1, (1.0, 1.0, 1.0))
    upright = geometry.to_array(geometry.resample(mask, grid, sitk.sitkLabelLinear, 0))
    present = set(np.unique(upright).tolist())
    return {
        label: labelmaps.body_center_mm(upright, label, grid)
        for label in labels.ORDER
        if label in present
    }


def scores(found: report.Report) -> list[str]:
    """A table over all vertebrae, and Dice of each."""
    pooled = protocol.pooled(found.records)
    lines = markdown.head(["vertebrae", *(name for _, name in SHOWN)])
    cells = [
        f"{pooled[key].mean:.3f} ± {pooled[key].sd:.3f}" if pooled[key].n else "-"
        for key, _ in SHOWN
    ]
    lines.append(markdown.row([len(found.records), *cells]))
    for result in found.results:
        each = ", ".join(
            f"{labels.NAMES[r.label]} {r.dice:.2f}" for r in result.records if r.dice is not None
        )
        lines.append(f"\n{result.records[0].case}: Dice {each}")
    return lines


def per_level(found: report.Report) -> list[str]:
    """A table of the scores of each vertebra."""
    lines = markdown.head(["", "vertebrae", *(name for _, name in SHOWN)])
    for label in labels.ORDER:
        records = [record for record in found.records if record.label == label]
        if records:
            pooled = protocol.pooled(records)
            cells = [f"{pooled[key].mean:.3f}" if pooled[key].n else "-" for key, _ in SHOWN]
            lines.append(markdown.row([labels.NAMES[label], len(records), *cells]))
    return lines


def per_case(source: Path, out: Path) -> list[str]:
    """A table of the reports: vertebrae, seconds per stage, memory."""
    steps = ("spine s", "vertebrae s", "segmentation s", "all s")
    lines = markdown.head(["case", "vertebrae found", *steps, "peak MB"])
    for case in layout.with_ct(source):
        content = json.loads((out / f"{case.name}_report.json").read_text())
        if content["status"] != report_file.DONE:
            reason = (
                f"failed: {content['error']['message']}"
                if "error" in content
                else "no spine in view"
            )
            lines.append(markdown.row([case.name, reason, *[""] * 5]))
            continue
        seconds = content["seconds"]
        names = " ".join(row["name"] for row in content["vertebrae"])
        parts = [seconds[stage] for stage in ("spine", "vertebrae", "segmentation")]
        times = [f"{each:.1f}" for each in (*parts, sum(seconds.values()))]
        memory = f"{content['peak_memory_mb']:.0f}"
        lines.append(markdown.row([case.name, names, *times, memory]))
    return lines


KINDS = {
    "real": real,
    "synthetic": partial(synthetic, FIRST),
    "synthetic-people": partial(synthetic, PEOPLE),
    "robust": robust,
    "levels": real_levels,
    "levels-synthetic": partial(synthetic_levels, FIRST),
    "levels-synthetic-people": partial(synthetic_levels, PEOPLE),
}

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

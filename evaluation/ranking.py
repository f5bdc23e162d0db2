"""Several teams on the same scans: paired tests, points, ranks.

The challenge's own recipe is not published in full. What is done here: for each metric and each
pair of teams a one-sided Wilcoxon signed-rank test over the scans (each scan's mean); a team gets
a point for every other team it beats with p < 0.05; its score is its share of all points it could
have got, all metrics alike. A scan a team has no value for counts as worse than any value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import wilcoxon

from versectl.errors import BadInputError, PartialFailureError

from . import protocol, table
from .report import Options, Report, evaluate

SIGNIFICANT_P = 0.05

#: Metric -> +1 when more is better, -1 when less is.
BETTER = {"id_rate": 1, "point_error_mm": -1, "dice": 1, "hd_mm": -1}

EXPLANATION = """Figures: mean over scans ± population SD. Points: one for each team beaten
in a paired one-sided Wilcoxon signed-rank test over the scans (p < 0.05). Score: share of all
possible points. The challenge's own recipe is not published in full; this one is ours."""


@dataclass(frozen=True)
class Standing:
    """How one team did; `points` counts, per metric, the teams it beats."""

    team: str
    score: float
    points: Mapping[str, int]
    figures: protocol.Figures  # mean over scans


@dataclass(frozen=True)
class Ranking:
    """Teams from best to worst, and the p-values it rests on."""

    scans: tuple[str, ...]
    standings: tuple[Standing, ...]
    p_values: Mapping[str, Mapping[str, Mapping[str, float]]]  # metric -> better -> worse -> p
    reports: Mapping[str, Report]

    @property
    def complete(self) -> bool:
        """Whether every team's every scan could be compared."""
        return all(report.complete for report in self.reports.values())

    @property
    def least_p(self) -> float:
        """The p-value of a team that is better in every scan: nothing can be below it."""
        return 0.5 ** len(self.scans)


def rank(gt: Path, teams: Sequence[Path], options: Options | None = None) -> Ranking:
    """Evaluate each team's folder, named by its last part, and rank them.

    A scan a team has no prediction for, or one that cannot be read, counts as empty; a scan whose
    truth cannot be read is left out for all. Raises BadInputError with fewer than two teams or
    equal names.
    """
    names = [Path(team).name for team in teams]
    if len(names) < 2 or len(set(names)) < len(names):
        raise BadInputError("A ranking needs at least two folders with different names.")
    options = replace(options or Options(), count_missing_cases=True)
    reports = {name: evaluate(team, gt, options) for name, team in zip(names, teams, strict=True)}
    return compare(reports)


def compare(reports: Mapping[str, Report]) -> Ranking:
    """Rank teams by their reports over the scans that all of them were scored on."""
    scored = {
        team: {result.case: protocol.pooled(result.records) for result in report.results}
        for team, report in reports.items()
    }
    scans = tuple(sorted(set.intersection(*(set(cases) for cases in scored.values()))))
    p_values = {metric: _p_values(metric, scored, scans) for metric in BETTER}
    standings = [
        _standing(team, p_values, [scored[team][scan] for scan in scans]) for team in reports
    ]
    standings.sort(key=lambda standing: -standing.score)
    return Ranking(scans, tuple(standings), p_values, dict(reports))


def better_p(one: Sequence[float], other: Sequence[float]) -> float:
    """One-sided p-value of paired values `one` being greater than `other`; 1 without differences.

    Infinite values are allowed; a pair that is equal, also in infinity, does not count.
    """
    pairs = np.array([one, other], float).reshape(2, -1)
    differing = pairs[:, pairs[0] != pairs[1]]
    if not differing.size:
        return 1.0
    # Only signs and order of the differences matter to the test: any large number serves.
    differences = np.nan_to_num(differing[0] - differing[1], posinf=1e9, neginf=-1e9)
    return float(wilcoxon(differences, alternative="greater").pvalue)


def check(ranking: Ranking) -> None:
    """Raise PartialFailureError when a scan could not be compared for some team."""
    failed = [team for team, report in ranking.reports.items() if not report.complete]
    if failed:
        raise PartialFailureError(f"Scans of {', '.join(failed)} could not be compared; see above.")


def text(ranking: Ranking) -> str:
    """The ranking as a table."""
    headings = [table.ROWS[metric][0] for metric in BETTER]
    rows = [["", "team", "score", *(f"{h} (points)" for h in headings)]]
    for standing in ranking.standings:
        place = 1 + sum(other.score > standing.score for other in ranking.standings)
        cells = (
            f"{table.mean_sd(standing.figures[metric], table.ROWS[metric][1])} "
            f"({standing.points[metric]})"
            for metric in BETTER
        )
        rows.append([str(place), standing.team, f"{standing.score:.3f}", *cells])
    remarks = [
        f"{team}: {line}"
        for team, report in ranking.reports.items()
        for line in table.remarks(report)
    ]
    return (
        "\n\n".join(
            [
                table.grid(rows),
                f"{len(ranking.scans)} scans. {EXPLANATION}",
                *([_too_few(ranking)] if ranking.least_p >= SIGNIFICANT_P else []),
                *(["\n".join(remarks)] if remarks else []),
            ]
        )
        + "\n"
    )


def to_json(ranking: Ranking) -> dict[str, Any]:
    """The ranking as JSON content."""
    return {
        "scans": list(ranking.scans),
        "complete": ranking.complete,
        "least_possible_p": ranking.least_p,
        "standings": [
            {
                "team": standing.team,
                "score": standing.score,
                "points": dict(standing.points),
                "mean_over_scans": {name: vars(f) for name, f in standing.figures.items()},
            }
            for standing in ranking.standings
        ],
        "p_values": ranking.p_values,
    }


def _too_few(ranking: Ranking) -> str:
    """Why nobody can have a point."""
    needed = next(n for n in count(1) if 0.5**n < SIGNIFICANT_P)
    return (
        f"Too few scans: with {len(ranking.scans)}, no difference can be significant (the least "
        f"possible p is {ranking.least_p:g}); {needed} are needed."
    )


def _p_values(
    metric: str, scored: Mapping[str, Mapping[str, protocol.Figures]], scans: Sequence[str]
) -> dict[str, dict[str, float]]:
    worths = {
        team: [_worth(cases[scan], metric) for scan in scans] for team, cases in scored.items()
    }
    return {
        team: {other: better_p(worths[team], worths[other]) for other in worths if other != team}
        for team in worths
    }


def _worth(figures: protocol.Figures, metric: str) -> float:
    """A number that is greater the better; without a value, less than any."""
    mean = figures[metric].mean
    return -np.inf if mean is None else BETTER[metric] * mean


def _standing(
    team: str,
    p_values: Mapping[str, Mapping[str, Mapping[str, float]]],
    scans: Sequence[protocol.Figures],
) -> Standing:
    points = {
        metric: sum(p < SIGNIFICANT_P for p in against[team].values())
        for metric, against in p_values.items()
    }
    possible = sum(len(against[team]) for against in p_values.values())
    figures = protocol.mean_of(scans)
    return Standing(team, sum(points.values()) / possible, points, figures)

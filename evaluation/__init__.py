"""Compares predicted with true vertebrae: found, rightly named, in place, well segmented.

Folders of anybody's files, matched by the cases' names, or two single files:

>>> from versectl.evaluation import Options, Rules, evaluate
>>> report = evaluate("results/", "truth/")                        # doctest: +SKIP
>>> report.pooled["dice"].mean, report.pooled["id_rate"].mean      # doctest: +SKIP
(0.912, 0.981)
>>> evaluate("results/", "truth/", Options(rules=Rules(distance="surface")))  # doctest: +SKIP

One case that is in memory; arrays are z, y, x, spacings x, y, z in mm:

>>> import numpy as np
>>> from versectl.evaluation import Findings, compare
>>> truth = np.zeros((4, 10, 10), np.uint8)
>>> truth[1:3, 2:8, 2:8] = 20  # L1
>>> found = np.roll(truth, 1, axis=2)
>>> spacing_mm = (0.5, 0.5, 2.0)
>>> report = compare(Findings.of_array(found, spacing_mm), Findings.of_array(truth, spacing_mm))
>>> report.records[0].point_error_mm
0.5

Of each true vertebra there is a record (label, dice, hd_mm, point_error_mm, identified); figures
are means of the records with their population standard deviation. README.md gives every rule with
its source. Needs no deep-learning library.
"""

from .protocol import Figure, Record, Result, Rules
from .reading import Files, Findings
from .report import Options, Report, compare, evaluate, findings

__all__ = [
    "Figure",
    "Files",
    "Findings",
    "Options",
    "Record",
    "Report",
    "Result",
    "Rules",
    "compare",
    "evaluate",
    "findings",
]

"""The figures of the paper, to stand beside ours.

Payer et al. 2020, "Coarse to Fine Vertebrae Localization and Segmentation with
SpatialConfiguration-Net and U-Net". None marks a figure we have not been able to check; look it up
in the paper. Nothing here is computed or guessed.
"""

from dataclasses import dataclass

MeanSd = tuple[float | None, float | None]


@dataclass(frozen=True)
class TableOneColumn:
    """One group of Table 1: three-fold cross-validation on VerSe 2019's 80 training scans.

    Each stage was given the true input of the stage before it. Pooled over vertebrae.
    """

    vertebrae: int | None = None
    identified: int | None = None
    point_error_mm: MeanSd = (None, None)
    dice: MeanSd = (None, None)
    hd_mm: MeanSd = (None, None)


@dataclass(frozen=True)
class TableTwoRow:
    """One team of Table 2: VerSe 2019's test sets of 40 scans each. Means over scans."""

    team: str
    test: int
    id_percent: float | None = None
    point_error_mm: float | None = None
    dice: float | None = None
    hd_mm: float | None = None


#: The groups' counts are those of the authors' landmark file, which sum to the printed total.
TABLE_ONE = {
    "cervical": TableOneColumn(vertebrae=112, point_error_mm=(7.45, None)),
    "thoracic": TableOneColumn(vertebrae=436),
    "lumbar": TableOneColumn(vertebrae=314),
    "all": TableOneColumn(
        vertebrae=862,
        identified=774,
        point_error_mm=(5.71, 6.28),
        dice=(0.94, None),
        hd_mm=(6.53, 13.49),
    ),
}

TABLE_TWO = (
    TableTwoRow("Payer et al. (the paper)", 1, 95.65, 4.27, 0.909, 6.35),
    TableTwoRow("Payer et al. (the paper)", 2, 94.25, None, 0.898, 7.34),
    TableTwoRow("iFLYTEK", 1, 96.94, None, 0.930, 6.39),
    TableTwoRow("iFLYTEK", 2, 86.73, None, 0.837, 11.67),
    TableTwoRow("Lessmann", 1, 89.86, None, 0.851, None),
    TableTwoRow("Lessmann", 2, 90.42, None, 0.858, None),
    TableTwoRow("LRDE", 2, 0.00, 1000.00, None, None),
)

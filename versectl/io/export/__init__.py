"""Results in the formats of other programs: one file per format."""

from typing import Literal, get_args

#: What `--format` takes; formats.py has the files of each.
Format = Literal["nifti", "dicom-sr", "dicom-seg", "dicom-seg-binary", "slicer", "itk-snap", "bids"]

#: All of them.
NAMES: tuple[Format, ...] = get_args(Format)

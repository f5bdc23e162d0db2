"""CT from DICOM: a folder, a study, a zip or a multi-frame file -> series -> one volume.

sources.py finds what may be DICOM, headers.py sorts its images into series, choice.py picks the
one to read, stack.py places its slices in the world, and reading.py fills in the voxels.
"""

from versectl.io.dicom.headers import quiet
from versectl.io.dicom.reading import Volume, headers_of, holds_ct, list_series, read
from versectl.io.dicom.sources import files, folders, is_source, is_zip, zip_holds_dicom

__all__ = [
    "Volume",
    "files",
    "folders",
    "headers_of",
    "holds_ct",
    "is_source",
    "is_zip",
    "list_series",
    "quiet",
    "read",
    "zip_holds_dicom",
]

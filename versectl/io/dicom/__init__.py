"""CT from DICOM: a folder, a study, a zip or a multi-frame file -> series -> one volume.

sources.py finds what may be DICOM, headers.py sorts its images into series, choice.py picks the
one to read, stack.py places its slices in the world, and reading.py fills in the voxels.
"""

"""Image formats: what a header says, whether it can be believed, and the voxels behind it."""

#: How the names of NIfTI files end.
NIFTI = (".nii.gz", ".nii")

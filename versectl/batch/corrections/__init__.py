"""Corrections by hand: which files count, and labels changed without a new segmentation."""

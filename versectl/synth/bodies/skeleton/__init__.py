"""Bones other than vertebrae: one file for each part of the skeleton, which paints it.

Bones are placed by frames of the trunk, see landmarks.py, and differ by a body's build.
"""

"""Evaluation of found, named and segmented vertebrae; needs no deep-learning library."""

from .protocol import Rules
from .report import Options, Report, evaluate

__all__ = ["Options", "Report", "Rules", "evaluate"]

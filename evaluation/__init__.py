"""Evaluation of found, named and segmented vertebrae; needs no deep-learning library."""

from evaluation.protocol import Rules
from evaluation.report import Options, Report, evaluate

__all__ = ["Options", "Report", "Rules", "evaluate"]

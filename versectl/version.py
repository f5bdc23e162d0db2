"""The version, apart from the public API, so that reading it loads nothing."""

__version__ = "0.1.0"

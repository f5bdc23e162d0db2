"""versectl finds, names and segments every vertebra in a CT."""

__version__ = "0.1.0"

"""Imports that Keras makes for functions that versectl never calls, postponed until they are used.

They take half of the time that importing Keras on OpenVINO takes. Importlib's LazyLoader does not
serve: the statement `import` itself would load what it has postponed (Python 3.11).
"""

import importlib.util
import sys
import threading
from types import ModuleType

#: Of Keras' galleries, and of its windows for sound.
BY_KERAS = ("matplotlib.pyplot", "scipy.signal")


def postpone(*names: str) -> None:
    """Have these modules, each of a package, imported when something of theirs is asked for.

    Modules that are imported already, or not installed, are left alone.
    """
    for name in names:
        package = name.partition(".")[0]
        if name not in sys.modules and importlib.util.find_spec(package):
            sys.modules[name] = _Postponed(name)


class _Postponed(ModuleType):
    """Stands for a module until it is used; then the module is imported in its place."""

    def __getattr__(self, attribute: str) -> object:
        """The module's own; AttributeError for its file, which inspect asks of all modules."""
        if attribute == "__file__":
            raise AttributeError(f"{self.__name__} is not imported yet")
        with _lock:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), attribute)


_lock = threading.Lock()

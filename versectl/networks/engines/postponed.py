"""What makes importing an engine quicker: modules that are not used wait, and nothing is collected.

Keras imports some modules for functions that versectl never calls; they take half of the time that
importing it on OpenVINO takes. Importlib's LazyLoader does not serve: the statement `import` itself
would load what it has postponed (Python 3.11).
"""

import gc
import importlib.util
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

#: Of Keras' galleries, of its windows for sound, and for notebooks.
BY_KERAS = ("matplotlib.pyplot", "scipy.signal", "IPython")


@contextmanager
def postponed(*names: str) -> Iterator[None]:
    """What imports these modules within the block gets them when it asks for something of theirs.

    Modules that are imported already, or not installed, are left alone.
    """
    absent = [name for name in names if name not in sys.modules]
    installed = [name for name in absent if importlib.util.find_spec(name.partition(".")[0])]
    standing_in = {name: _Postponed(name) for name in installed}
    sys.modules.update(standing_in)
    try:
        yield
    finally:
        for module in standing_in.values():
            module.give_way()


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is collected within the block: while modules are imported, hardly anything goes."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Postponed(ModuleType):
    """Stands for a module until something of it is used."""

    def give_way(self) -> None:
        """Have the module itself imported from now on."""
        with _lock:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]

    def __getattr__(self, attribute: str) -> object:
        """The module's own; AttributeError for its file, which inspect asks of all modules."""
        if attribute == "__file__":
            raise AttributeError(f"{self.__name__} is not imported yet")
        self.give_way()
        return getattr(importlib.import_module(self.__name__), attribute)


_lock = threading.Lock()

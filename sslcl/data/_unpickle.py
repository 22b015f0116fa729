"""Reading pickles from strangers: plain data only, and nothing runs."""

import pickle
from pathlib import Path
from typing import Any

from sslcl.errors import InputError

_ALLOWED: frozenset[tuple[str, str]] = frozenset(
    {
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
        ("builtins", "set"),
        ("builtins", "frozenset"),
    }
)


class _PlainData(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise InputError(f"asks for {module}.{name}")
        return super().find_class(module, name)


def load_pickle(path: Path) -> Any:
    """The plain data in a pickle.

    Raises:
        InputError: when it asks for anything but NumPy arrays and builtin containers.
    """
    with path.open("rb") as file:
        try:
            return _PlainData(file, encoding="latin1").load()
        except InputError as error:
            raise InputError(f"{path} is not plain data: it {error}") from None

"""Amounts of which a study file may say ``auto`` instead of a number."""

from sslcl.errors import InputError

_MOST = 1e9
"""GPUs at most; beyond it there are numbers that are no floats."""


def read_gpus(value: object) -> object:
    """GPUs of a trial as they are written: a number of at least 0, or ``auto``.

    Raises:
        InputError: it is neither.
    """
    if value == "auto":
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MOST:
        return value
    raise InputError(f"{value!r} is neither a number of at least 0 nor auto")


def read_fuse(value: object) -> object:
    """Trials of a program as they are written: a whole number above 0, or ``auto``.

    Raises:
        InputError: it is neither.
    """
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise InputError(f"{value!r} is neither a whole number greater than 0 nor auto")

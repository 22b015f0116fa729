"""Errors a person caused and can mend, told in one line, and how such a line names things."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class InputError(ValueError):
    """Bad input: the message is one line naming what, where and what was expected.

    Every command line prints it as it is and ends with exit code 2.
    """


class Diverged(RuntimeError):
    """Training produced a value that is not finite.

    Args:
        epoch: 1-based epoch in which it happened.
        what: the quantity, such as ``loss`` or ``gradient_norm``.
    """

    def __init__(self, epoch: int, what: str) -> None:
        super().__init__(f"{what} is not finite in epoch {epoch}")
        self.epoch = epoch
        self.what = what

    def __reduce__(self) -> tuple[type["Diverged"], tuple[int, str]]:
        return type(self), (self.epoch, self.what)


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """The tail of an error about an unknown name: the nearest valid name, then all of them.

    Example:
        >>> did_you_mean("recurent", ["recurrent", "transformer"])
        "did you mean 'recurrent'? (valid: recurrent, transformer)"
    """
    names = sorted(valid)
    everything = f"(valid: {', '.join(names)})" if names else "(there are none)"
    nearest = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean '{nearest[0]}'? {everything}" if nearest else everything


def listed(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        'a; b; and 1 more'
    """
    more = len(names) - most
    return "; ".join(names[:most]) + (f"; and {more} more" if more > 0 else "")


def unknown(kind: str, name: str, valid: Iterable[str], where: str = "") -> InputError:
    """An :class:`InputError` for a name that does not exist."""
    place = f" in {where}" if where else ""
    return InputError(f"unknown {kind} '{name}'{place}: {did_you_mean(name, valid)}")

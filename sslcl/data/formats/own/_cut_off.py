"""What to say of a file that ends before it is complete."""

from pathlib import Path

from sslcl.errors import InputError


def cut_off(path: Path, kind: str, error: Exception) -> InputError:
    """The error for a file of this kind that a library cannot read."""
    problem = " ".join(str(error).split())[:100]
    return InputError(
        f"{path} is not a complete {kind} file, as a download that was cut off leaves it: fetch or "
        f"save it again ({problem})"
    )

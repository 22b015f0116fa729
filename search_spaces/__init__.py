"""What may vary: the study file's schema, its loader, and the studies that ship."""

from typing import TYPE_CHECKING, Any

from search_spaces.changes import changes
from search_spaces.factors import Categorical, Factor, Float, Integer, level_name
from search_spaces.schema import FIRST_ABLATION_SEED, FIRST_FRESH_SEED, Assignment, Study

if TYPE_CHECKING:
    from search_spaces.loader import load_study, study_names

__all__ = [
    "FIRST_ABLATION_SEED",
    "FIRST_FRESH_SEED",
    "Assignment",
    "Categorical",
    "Factor",
    "Float",
    "Integer",
    "Study",
    "changes",
    "level_name",
    "load_study",
    "study_names",
]


def __getattr__(name: str) -> Any:
    # Checking studies needs the components and thus torch; reading what they left does not.
    if name in ("load_study", "study_names"):
        from search_spaces import loader

        return getattr(loader, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

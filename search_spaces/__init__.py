"""What may vary: the study file's schema, its loader, and the studies that ship."""

from search_spaces.changes import changes
from search_spaces.factors import Categorical, Factor, Float, Integer, level_name
from search_spaces.loader import load_study, study_names
from search_spaces.schema import FIRST_FRESH_SEED, Assignment, Study

__all__ = [
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

"""A small study file, and changes to it."""

from pathlib import Path
from typing import Any

import yaml

SMALL: dict[str, Any] = {
    "study": "small",
    "dataset": "synthetic",
    "base": {"epochs": 2, "hidden_size": 16},
    "factors": {
        "backbone": ["recurrent", "transformer", "dialogue_gcn"],
        "objective": ["sslcl", "cross_entropy"],
        "similarity": {"levels": ["soft_hgr", "dot"], "when": {"objective": "sslcl"}},
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "batch_size": [4, 8],
        "backbone_options.heads": {"levels": [1, 2], "when": {"backbone": ["transformer"]}},
    },
    "search": {"trials": 6},
    "confirm": {"top": 2, "seeds": 3},
    "ablate": {"factors": ["backbone", "objective", "similarity"], "seeds": 3},
}


def small(**changed: Any) -> dict[str, Any]:
    """The small study with some top-level keys replaced."""
    return {**SMALL, **changed}


def with_factors(**factors: Any) -> dict[str, Any]:
    """The small study with these factors alone, and no ablation."""
    named = {name.replace("__", "."): raw for name, raw in factors.items()}
    return small(factors=named, ablate=None)


def write(folder: Path, content: object) -> str:
    path = folder / "study.yaml"
    text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
    path.write_text(text)
    return str(path)

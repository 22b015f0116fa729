"""Datasets by name, each with three conversation-disjoint splits and a fingerprint.

The names below are imported from their modules when they are first used, so that the help of the
command line does not wait for torch.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sslcl.command import DATA_DIR_VARIABLE
    from sslcl.data.datasets import (
        CATALOG,
        DatasetSource,
        load_dataset,
        measured_facts,
    )
    from sslcl.data.types import PAD_LABEL, Batch, Conversation, Dataset, Split
    from sslcl.errors import InputError
else:
    _MODULES = {
        "sslcl.command": ("DATA_DIR_VARIABLE",),
        "sslcl.data.datasets": (
            "CATALOG",
            "DatasetSource",
            "load_dataset",
            "measured_facts",
        ),
        "sslcl.data.types": ("PAD_LABEL", "Batch", "Conversation", "Dataset", "Split"),
        "sslcl.errors": ("InputError",),
    }

    def __getattr__(name):
        for module, names in _MODULES.items():
            if name in names:
                return getattr(importlib.import_module(module), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CATALOG",
    "DATA_DIR_VARIABLE",
    "PAD_LABEL",
    "Batch",
    "Conversation",
    "Dataset",
    "DatasetSource",
    "InputError",
    "Split",
    "View",
    "load_dataset",
    "measured_facts",
]

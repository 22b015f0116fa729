"""``base: {size: released}``: every backbone at its published width, depth and rates.

One width and one rate for all backbones favours the shallow ones. With ``size: released`` what a
study file leaves out is as the backbone's authors released it, whichever backbone a trial has; what
the file's base or a factor says goes before it.
"""

from collections.abc import Mapping
from typing import Any

from sslcl.errors import InputError, did_you_mean

SIZE = "size"
"""The key of a study's base that names a preset."""

RELEASED: Mapping[str, Mapping[str, Any]] = {
    "recurrent": {
        "hidden_size": 100,
        "dropout": 0.25,
        "learning_rate": 1e-4,
        "weight_decay": 1e-5,
        "batch_size": 32,
        "backbone_options": {"cell": "lstm", "layers": 2},
    },
    "dialogue_rnn": {
        "hidden_size": 500,
        "dropout": 0.1,
        "learning_rate": 1e-4,
        "weight_decay": 1e-5,
        "batch_size": 30,
        "backbone_options": {"recurrent_dropout": 0.1, "attention": "general2"},
    },
    "dialogue_crn": {
        "hidden_size": 100,
        "dropout": 0.2,
        "learning_rate": 1e-4,
        "weight_decay": 2e-4,
        "batch_size": 32,
        "backbone_options": {"layers": 2, "situation_steps": 3, "speaker_steps": 4},
    },
    "dialogue_gcn": {
        "hidden_size": 100,
        "dropout": 0.4,
        "learning_rate": 3e-4,
        "weight_decay": 0.0,
        "batch_size": 32,
        "backbone_options": {
            "layers": 2,
            "window_past": 10,
            "window_future": 10,
            "edges": "position",
        },
    },
    "mmgcn": {
        "hidden_size": 100,
        "dropout": 0.4,
        "learning_rate": 3e-4,
        "weight_decay": 3e-5,
        "batch_size": 16,
        "backbone_options": {"context_layers": 2, "layers": 64},
    },
    "mm_dfn": {
        "hidden_size": 100,
        "dropout": 0.4,
        "learning_rate": 3e-4,
        "weight_decay": 1e-4,
        "batch_size": 32,
        "backbone_options": {"context_layers": 2, "layers": 16},
    },
    "m3net": {
        "hidden_size": 512,
        "dropout": 0.5,
        "learning_rate": 1e-4,
        "weight_decay": 3e-5,
        "batch_size": 16,
        "backbone_options": {"context_layers": 2, "hypergraph_layers": 3, "frequency_layers": 4},
    },
    "cogmen": {
        "hidden_size": 100,
        "dropout": 0.5,
        "learning_rate": 1e-4,
        "weight_decay": 1e-8,
        "batch_size": 32,
        "backbone_options": {"layers": 2, "heads": 10, "window_past": 5, "window_future": 5},
    },
    "sdt": {
        "hidden_size": 1024,
        "dropout": 0.5,
        "learning_rate": 1e-4,
        "weight_decay": 1e-5,
        "batch_size": 16,
        "backbone_options": {"heads": 8},
    },
    "multiemo": {
        "hidden_size": 256,
        "dropout": 0.0,
        "learning_rate": 1e-4,
        "weight_decay": 1e-5,
        "batch_size": 64,
        "backbone_options": {"layers": 6, "heads": 4},
    },
}
"""Backbone to the configuration fields of its released recipe for IEMOCAP, as each class's
docstring has it. Where a release has several widths for what has one here, it is that of the
states; where it only has a grid (``mm_dfn``), one point of it. The released rates of decay are
of Adam's L2 term, here they are AdamW's, decoupled."""


def sized(values: Mapping[str, Any], default_backbone: str) -> dict[str, Any]:
    """A configuration's fields without ``size``, and with what it stands for where they are silent.

    Options of the backbone are filled in one by one.

    Args:
        values: fields by name; all given, whether or not they are valid.
        default_backbone: where ``values`` has none.

    Raises:
        InputError: for an unknown preset, or a backbone that was never released.
    """
    values = dict(values)
    size = values.pop(SIZE, None)
    if size is None:
        return values
    if size != "released":
        raise InputError(f"size is {size!r}: {did_you_mean(str(size), ['released'])}")
    backbone = values.get("backbone", default_backbone)
    if backbone not in RELEASED:
        raise InputError(
            f"size is released, but there is no published recipe of backbone '{backbone}' "
            f"(there are of: {', '.join(sorted(RELEASED))})"
        )
    recipe = RELEASED[backbone]
    options = {**recipe["backbone_options"], **values.get("backbone_options", {})}
    return {**recipe, **values, "backbone_options": options}

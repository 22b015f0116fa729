"""Which trials can be trained as one program."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sslcl.config import TrialConfig
from sslcl.fusion.objectives import FUSED_OBJECTIVES

BACKBONES_THAT_FUSE = ("recurrent", "transformer", "utterance")
STACKED_NUMBERS = frozenset(
    {
        "learning_rate",
        "weight_decay",
        "gradient_clip",
        "adam_eps",
        "weight_average",
        "scale",
        "dropout",
        "input_dropout",
        "label_embedding_dropout",
        "focus_positive",
        "focus_negative",
        "class_weight_exponent",
        "label_label_weight",
        "cross_entropy_weight",
    }
)
"""Numbers in which the members of a group may differ."""
_ALL_OR_NONE = frozenset({"weight_average", "cross_entropy_weight"})
"""Those that are 0 in all members or in none, since 0 has fewer tensors."""
_OWN = STACKED_NUMBERS | {"seed"}
"""What members have of their own."""
_LENGTHS = frozenset({"schedule", "epochs", "patience"})


def why_not_fusible(configs: Sequence[TrialConfig]) -> str | None:
    """Why these trials cannot be trained as one program; ``None`` where they can.

    Args:
        configs: at least one trial; they must agree in all fields but :data:`STACKED_NUMBERS`,
            the seed, and how long and by which schedule they train.

    Example:
        >>> one = TrialConfig(backbone="utterance")
        >>> why_not_fusible([one, one.replace(seed=1)])
        >>> why_not_fusible([one, one.replace(hidden_size=32)])
        'hidden_size differs: 64, 32'
    """
    first, *others = (config.canonical() for config in configs)
    for other in others:
        mine, theirs = _shared(first), _shared(other)
        for name in sorted({*mine, *theirs} - _LENGTHS):
            if mine.get(name) != theirs.get(name):
                return f"{name} differs: {first.get(name)}, {other.get(name)}"
    return _why_not_alone(configs[0])


def fusible(configs: Sequence[TrialConfig]) -> bool:
    """Whether :class:`~sslcl.fusion.trainer.FusedTrainer` takes these trials."""
    return why_not_fusible(configs) is None


def group_of(config: TrialConfig) -> tuple[TrialConfig, ...]:
    """The configurations of a trial's group in their order; itself where it is trained alone."""
    if not config.fused_seeds:
        return (config,)
    rows = [
        {name: column[number] for name, column in config.fused_numbers.items()}
        for number in range(len(config.fused_seeds))
    ]
    return tuple(
        config.replace(seed=seed, **row) for seed, row in zip(config.fused_seeds, rows, strict=True)
    )


def as_group(configs: Sequence[TrialConfig]) -> tuple[TrialConfig, ...]:
    """The configurations, trained alone so far, as members of one group.

    Args:
        configs: of one :func:`common_part`, none twice.

    Example:
        >>> one = TrialConfig(backbone="utterance", seed=1)
        >>> members = as_group([one, one.replace(learning_rate=0.01)])
        >>> members[0].fused_seeds, members[0].fused_numbers
        ((1, 1), {'learning_rate': (0.001, 0.01)})
        >>> group_of(members[1]) == members
        True
    """
    read = [config.canonical() for config in configs]
    differing = [
        name
        for name in sorted(STACKED_NUMBERS)
        if any(fields.get(name) != read[0].get(name) for fields in read)
    ]
    seeds = tuple(config.seed for config in configs)
    numbers = {name: tuple(getattr(c, name) for c in configs) for name in differing}
    return tuple(c.replace(fused_seeds=seeds, fused_numbers=numbers) for c in configs)


def common_part(config: TrialConfig) -> str:
    """What members of a group have in common, as text: all but seed and stacked numbers."""
    return json.dumps(_shared(config.canonical()), sort_keys=True)


def place_in_group(config: TrialConfig) -> int:
    """The number of a trial among the members of its group."""
    digests = [member.digest() for member in group_of(config)]
    return digests.index(config.digest())


def _shared(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What members must agree in: of some numbers, whether they are above 0."""
    return {
        name: bool(value) if name in _ALL_OR_NONE else value
        for name, value in fields.items()
        if name in _ALL_OR_NONE or name not in _OWN
    }


def _why_not_alone(config: TrialConfig) -> str | None:
    if config.backbone not in BACKBONES_THAT_FUSE:
        return f"backbone {config.backbone} has no fused form"
    if config.backbone_options.get("cell") == "lstm":
        return "cell lstm of backbone recurrent has no fused form"
    if config.precision != "float32":
        return f"precision {config.precision} has no fused form"
    if config.inference != "similarity" and "inference" in config.canonical():
        return f"inference {config.inference} has no fused form"
    fused_objective = FUSED_OBJECTIVES.get(config.objective)
    if fused_objective is None:
        return f"objective {config.objective} has no fused form"
    return fused_objective.why_not(config)

"""One trial, whole: the typed, frozen configuration that is also its identity.

The field names below are the factor names in study files, the parameters in MLflow, the columns
of the results database and the headings of the tables.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sslcl.augmentation import canonical_augmentation, check_augmentation
from sslcl.backbones import BACKBONES
from sslcl.data import CATALOG
from sslcl.data.balance import NATURAL, balance_name
from sslcl.data.folds import fold_scheme
from sslcl.errors import InputError, unknown
from sslcl.learning.convergence import StopRule
from sslcl.learning.score_names import DEFAULT_SCORE, check_score_form
from sslcl.objectives import OBJECTIVES
from sslcl.similarities import SIMILARITIES
from sslcl.validation import Inference, LogitScaleMode, Scalar, validated

Unit = Annotated[float, Field(ge=0.0, lt=1.0)]
NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class TrialConfig(BaseModel):
    """Everything that decides what one training run computes.

    Two configurations with the same :meth:`canonical` form train the same model bit for bit on
    the same data, code and kind of device.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    dataset: str = "synthetic"
    """Name in the dataset catalog."""
    dataset_options: dict[str, Scalar] = Field(default_factory=dict)
    """Options of the dataset, such as the synthetic generator's ``imbalance``."""
    modalities: tuple[str, ...] | None = None
    """The modalities given to the model; all that the dataset has when left out."""
    balance: Annotated[str, BeforeValidator(balance_name)] = NATURAL
    """Which utterances carry loss and score: all (``natural``), as many of each class
    (``balanced``), or at most this ratio of the largest class to the smallest. The others remain
    as context."""
    test_modalities: tuple[str, ...] | None = None
    """The modalities given to the trained model on the test split, for what a missing one costs;
    all of ``modalities`` when left out. Training and the choice of the epoch do not read it."""
    folds: Annotated[str | None, BeforeValidator(fold_scheme)] = None
    """The folds into which the corpus is divided, see :func:`sslcl.data.folds.with_folds`; its own
    splits are used when left out."""
    fold: str | None = None
    """The one of ``folds`` that tests; the trial trains and validates on others."""

    backbone: str = "recurrent"
    """Architecture that turns a conversation into one feature per utterance."""
    hidden_size: Count = 64
    """Width of the backbone's hidden states."""
    dropout: Unit = 0.3
    """Dropout inside the backbone."""
    input_dropout: Unit = 0.0
    """Dropout on the standardised input features, one mask for all views of a batch."""
    backbone_options: dict[str, Scalar] = Field(default_factory=dict)
    """The backbone's own options; see its ``Options``."""

    objective: str = "sslcl"
    """What training minimises."""
    similarity: str = "soft_hgr"
    """Measure between an utterance feature and a label embedding."""
    logit_scale: LogitScaleMode = "released"
    """How similarities become logits: as ``released`` (times 1), times the ``fixed`` scale, times a
    ``learned`` scale that starts there, or ``matched``: standardised on the first batch so that
    every similarity starts with the same spread, then times the scale. Where it is left out,
    ``sslcl`` takes the default of its similarity, ``released`` for ``soft_hgr``; all else is
    ``matched``."""
    scale: Positive = 1.0
    """The number that ``logit_scale`` refers to."""
    inference: Inference = "similarity"
    """How ``sslcl`` predicts: by the ``similarity``'s own form, by the centred dot product times a
    scale fitted to the training split plus the log prior (``prior_adjusted``), by a linear
    ``probe`` fitted to the training features, or by whichever of these does best on validation
    (``auto``)."""
    focus_positive: NonNegative = 2.0
    """Focusing exponent of the positives, γ+."""
    focus_negative: NonNegative = 0.5
    """Focusing exponent of the negatives, γ-."""
    class_weight_exponent: NonNegative = 0.5
    """Exponent α of the class weights (N / n_c)^α, counted in the batch by ``sslcl`` and in the
    training split by others; 0 weighs all utterances alike."""
    label_label_weight: NonNegative = 0.1
    """Weight β of the label-label discrimination term."""
    cross_entropy_weight: NonNegative = 0.0
    """Weight of an added cross-entropy term on the full view; above 0 where only its classifier
    can predict."""

    label_embedding_depth: Annotated[int, Field(ge=0, le=6)] = 2
    """Layers of the label network: 0 is free label vectors, 2 the paper's."""
    label_embedding_width: Count = 128
    """Width of the label network's hidden layers."""
    label_embedding_dropout: Unit = 0.1
    """Dropout on the label embeddings."""

    augmentation: str = "text_plus_one"
    """Which masked-modality views give extra positives: a named set, less any views written after
    it as in ``text_plus_one-text+audio``."""

    learning_rate: Positive = 1e-3
    """Peak learning rate of AdamW."""
    weight_decay: NonNegative = 1e-4
    """Decoupled weight decay."""
    adam_eps: Positive = 1e-8
    """What AdamW adds to the root of the second moment. Released Soft-HGR's gradients shrink with
    the utterances in a batch and come near it: below them it must be."""
    weight_average: Unit = 0.98
    """Decay of the exponential average of the weights over steps that validation, test and
    prediction use; 0 for the last weights themselves."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Learning rate over the epochs."""
    batch_size: Count = 16
    """Conversations per step."""
    epochs: Count = 20
    """Most epochs to train. ``{until: converged, at_most: n}`` means ``n`` with ``stop``
    ``converged``."""
    stop: StopRule = "patience"
    """When training ends earlier: after ``patience`` epochs without a better validation score, or
    once it has ``converged``: neither the score nor its running mean has risen for that long and
    for a third of all epochs so far, which does not cut a curve that still rises."""
    criterion: Annotated[str, AfterValidator(check_score_form)] = DEFAULT_SCORE
    """The validation score that chooses the epoch, stops training and guides the search: any of
    :mod:`sslcl.learning.score_names`."""
    patience: Count = 8
    """Epochs without a better validation score after which training stops."""
    gradient_clip: Positive = 1.0
    """Largest norm of the gradient."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seeds initialisation, dropout and the order of batches."""
    fused_seeds: tuple[int, ...] = ()
    """Seeds of the group that the trial is trained in as one program, in their order; none where
    it is trained alone. Dropout is drawn for the group. The platform chooses it; see
    ``resources.fuse``."""
    fused_numbers: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """The fields in which members of the group differ beside the seed: one number each, in the
    order of ``fused_seeds``."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Number format of the forward pass."""

    @model_validator(mode="before")
    @classmethod
    def _spelt_out(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        fields = cls.model_fields
        objective, similarity = (
            values.get(name, fields[name].default) for name in ("objective", "similarity")
        )
        if not isinstance(objective, str) or not isinstance(similarity, str):
            return values  # The check of their types says so.
        return {**component_defaults(objective, similarity), **spelt_out(values)}

    @model_validator(mode="after")
    def _components_exist_and_fit(self) -> Self:
        CATALOG.get(self.dataset).check_options(self.dataset_options)
        backbone = BACKBONES.get(self.backbone)
        backbone.check_size(self.hidden_size, backbone.check_options(self.backbone_options))
        SIMILARITIES.get(self.similarity)
        check_augmentation(self.augmentation)
        OBJECTIVES.get(self.objective).check(self)
        _check_group(self)
        for field in ("modalities", "test_modalities"):
            _check_modalities(field, getattr(self, field))
        if (self.folds is None) != (self.fold is None):
            raise InputError(
                f"folds is {self.folds} and fold is {self.fold}: expected both or neither"
            )
        if self.modalities is not None:
            for name in self.test_modalities or ():
                if name not in self.modalities:
                    raise unknown("modality", name, self.modalities, "test_modalities")
        return self

    @classmethod
    def parse(cls, values: Mapping[str, Any], where: str = "configuration") -> "TrialConfig":
        """Validate ``values``.

        Raises:
            InputError: one line with the first problem, where it is and what was expected.
        """
        return validated(cls, values, where)

    def replace(self, **changes: Any) -> "TrialConfig":
        """A validated copy with ``changes``."""
        return self.parse({**self.model_dump(), **changes})

    def canonical(self) -> dict[str, Any]:
        """The fields that decide the outcome, in a fixed order and JSON types.

        Fields that the objective does not read are left out, and so are options at their default,
        so that configurations which can only differ in name are one trial.
        """
        unread = OBJECTIVES.get(self.objective).unread_fields(self)
        values = self.model_dump(mode="json", exclude=set(unread))
        source = CATALOG.get(self.dataset)
        backbone = BACKBONES.get(self.backbone).check_options(self.backbone_options)
        values["backbone_options"] = backbone.model_dump(mode="json", exclude_defaults=True)
        values["dataset_options"] = source.check_options(self.dataset_options).model_dump(
            mode="json", exclude_defaults=True, exclude=set(source.locations)
        )
        for key in ("modalities", "test_modalities"):
            values[key] = values[key] and sorted(values[key])
        if values["test_modalities"] in (None, values["modalities"]):
            del values["test_modalities"]
        for key in ("fused_seeds", "fused_numbers"):
            if not values[key]:
                del values[key]
        if self.folds is None:
            # Trials on a corpus's own splits are what they were before there were folds.
            del values["folds"], values["fold"]
        if self.criterion == DEFAULT_SCORE:
            del values["criterion"]
        if "augmentation" in values:
            values["augmentation"] = canonical_augmentation(self.augmentation)
        return {key: values[key] for key in sorted(values)}

    def digest(self) -> str:
        """SHA-256 of the canonical form, 64 hexadecimal digits."""
        text = json.dumps(self.canonical(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _check_group(config: TrialConfig) -> None:
    seeds, numbers = config.fused_seeds, config.fused_numbers
    for name, column in numbers.items():
        if not isinstance(getattr(config, name, None), float):
            raise InputError(f"fused_numbers: {name} is no field that holds a number")
        if len(column) != len(seeds):
            raise InputError(
                f"fused_numbers.{name} has {len(column)} numbers: expected {len(seeds)}, one for "
                "each of fused_seeds"
            )
    members = list(zip(seeds, *numbers.values(), strict=True))
    own = (config.seed, *(getattr(config, name) for name in numbers))
    if members and (own not in members or len(set(members)) < len(members)):
        shown = ", ".join(map(str, seeds))
        also = "".join(
            f" with {name} {value}" for name, value in zip(numbers, own[1:], strict=True)
        )
        raise InputError(
            f"fused_seeds is {shown}: expected seed {config.seed}{also} among them and each once"
        )


def component_defaults(objective: str, similarity: str) -> dict[str, Any]:
    """The fields whose default depends on objective and similarity, with that default.

    Raises:
        InputError: for an unknown objective or similarity.
    """
    return {"logit_scale": OBJECTIVES.get(objective).default_logit_scale(similarity)}


def spelt_out(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with ``epochs: {until: ..., at_most: n}`` taken apart into ``epochs`` and ``stop``.

    Raises:
        InputError: for other keys, or a ``stop`` beside it that says otherwise.
    """
    epochs = values.get("epochs")
    if not isinstance(epochs, Mapping):
        return dict(values)
    for key in epochs:
        if key not in ("until", "at_most"):
            raise unknown("key", str(key), ("until", "at_most"), "epochs")
    if len(epochs) < 2:
        raise InputError("epochs: expected a number or {until: converged, at_most: <number>}")
    if values.get("stop", epochs["until"]) != epochs["until"]:
        raise InputError(f"stop is {values['stop']}, but epochs says until {epochs['until']}")
    return {**values, "epochs": epochs["at_most"], "stop": epochs["until"]}


def _check_modalities(field: str, names: tuple[str, ...] | None) -> None:
    if names is None:
        return
    if not names:
        raise InputError(f"{field} is empty: expected at least one modality name")
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{field} names '{name}' twice: expected each once")

"""What a study is: one dataset, a fixed base, the factors that vary, and the phases."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from search_spaces.amounts import read_fuse, read_gpus
from search_spaces.changes import changes
from search_spaces.factors import OPTION_FIELDS, Categorical, Factor, Float, Integer, StudyPart
from search_spaces.retune import Retune, read_retune
from search_spaces.seeds import MOST_SEEDS, SeedLooks, read_seeds
from search_spaces.sizes import sized
from sslcl.config import TrialConfig, component_defaults
from sslcl.data.folds import fold_scheme
from sslcl.errors import InputError, unknown
from sslcl.learning.score_names import DEFAULT_SCORE, check_score_form
from sslcl.levels import level_of
from sslcl.validation import Scalar

__all__ = [
    "COMPONENTS",
    "FIRST_ABLATION_SEED",
    "FIRST_FRESH_SEED",
    "TUNED_TRIALS",
    "Ablate",
    "Assignment",
    "Budget",
    "Categorical",
    "Confirm",
    "Factor",
    "Float",
    "Integer",
    "Question",
    "Report",
    "Resources",
    "Retune",
    "Search",
    "SeedLooks",
    "Study",
    "changes",
]

FIRST_FRESH_SEED = 1001
"""Seeds of the confirmation count up from here; those of search stay below."""

FIRST_ABLATION_SEED = FIRST_FRESH_SEED + MOST_SEEDS
"""Seeds of the ablation count up from here, beyond those of the confirmation.

The confirmation chooses the reference by the scores of its own seeds, which flatter whoever won by
them; trained anew with other seeds the reference has no such advantage over the other cells.
"""

TUNED_TRIALS = 8
"""Search trials of every cell of the design ``tuned`` that does not say how many."""

Assignment = Mapping[str, Scalar]
"""Factor name to level, of some or all factors."""
_Seeds = Annotated[int, Field(ge=1, le=MOST_SEEDS)]
Design = Literal["search", "grid", "fractional", "one_factor", "leave_one_out", "tuned"]
COMPONENTS = (
    "label_label_term",
    "class_weights",
    "focusing",
    "view",
    "augmentation",
    "cross_entropy_term",
    "context",
    "train_modality",
    "test_modality",
)
"""What ``leave_one_out`` removes from the reference; each view and modality in its turn."""


class Search(StudyPart):
    """The phase that looks for a good configuration, on validation scores alone."""

    trials: Annotated[int, Field(ge=1)]
    """Configurations to try."""
    sampler: Literal["tpe", "random"] = "tpe"
    """What proposes them: ``tpe``, the tree-structured Parzen estimator, or ``random``."""
    scheduler: Literal["asha", "none"] = "asha"
    """What prunes trials: ``asha``, asynchronous successive halving, or ``none``."""
    grace_epochs: Annotated[int, Field(ge=1)] = 2
    """Epochs before a trial may be pruned."""
    reduction: Annotated[int, Field(ge=2)] = 2
    """One trial in this many goes on at each rung."""
    seed: Annotated[int, Field(ge=0, lt=FIRST_FRESH_SEED)] = 0
    """Seeds the sampler and every search trial."""
    fixed: dict[str, Scalar] = Field(default_factory=dict)
    """Levels of factors that the search leaves as they are, for the ablation to vary."""
    warm_start: bool = True
    """Whether the sampler is told of equal trials that earlier searches have finished; the design
    ``tuned`` tells none, so that all cells are searched alike."""


class Confirm(StudyPart):
    """The phase that trains the best few configurations of the search with fresh seeds."""

    top: Annotated[int, Field(ge=1)] = 1
    """Configurations of the search, the best by validation."""
    seeds: _Seeds = 5
    """Of each of them; the best mean is the winner."""


class Ablate(StudyPart):
    """The phase that goes around a reference with fresh seeds; its design says which cells."""

    factors: tuple[str, ...] = ()
    """What varies; ``search`` and ``leave_one_out`` do without."""
    design: Design = "one_factor"
    """``one_factor``, ``leave_one_out``, ``grid``, ``fractional``, ``tuned`` or ``search``."""
    seeds: Annotated[int | SeedLooks, BeforeValidator(read_seeds)] = 5
    """Of every cell; or looks at which the rows without a verdict get more."""
    reference: Literal["winner"] | dict[str, Scalar] = "winner"
    """The search's winner, or a level for some factors; the others are as in the base."""
    levels: dict[str, tuple[Scalar, ...]] = Field(default_factory=dict)
    """Levels to try instead of a factor's own; needed for one that is a range."""
    trials: Annotated[int, Field(ge=1)] | None = None
    """Search trials of every cell; the design ``tuned`` alone reads it."""
    retune: Annotated[Retune | None, BeforeValidator(read_retune)] = None
    """What every row, the reference too, tunes anew; the design ``one_factor`` alone reads it."""
    extension_check: bool = False
    """Whether one seed of each cell goes on to twice its epochs, to see what that gains on
    validation."""
    components: tuple[str, ...] = COMPONENTS
    """What ``leave_one_out`` removes."""
    resolution: Literal[3, 4] = 4
    """Of the ``fractional`` design: 4 keeps main effects clear of two-way interactions, 3 does
    with about half the runs and does not."""

    @model_validator(mode="after")
    def _looks_compare_with_a_reference(self) -> Self:
        if isinstance(self.seeds, SeedLooks) and self.design in ("grid", "fractional"):
            raise InputError(
                "seeds are added until rows have a verdict, but the effects of design "
                f"{self.design} need as many of every cell: expected a number"
            )
        return self

    @property
    def seed_looks(self) -> tuple[int, ...]:
        """Seeds of a cell at each look; a single look where ``seeds`` is a number."""
        return self.seeds.looks if isinstance(self.seeds, SeedLooks) else (self.seeds,)

    @property
    def needs_factors(self) -> bool:
        """Whether the design varies factors."""
        return self.design not in ("search", "leave_one_out")

    @property
    def has_cells(self) -> bool:
        """Whether there is anything to train: ``search`` ends with the confirmation."""
        return self.design != "search"

    @property
    def retuned(self) -> Retune | None:
        """What every row tunes anew, if the design does that."""
        return self.retune if self.design == "one_factor" else None

    @property
    def tunes_cells(self) -> bool:
        """Whether every cell gets a search of its own before its fresh seeds."""
        return self.design == "tuned" or self.retuned is not None

    @property
    def tuning_trials(self) -> int:
        """The budget of every cell's own search."""
        return self.retuned.trials if self.retuned else self.trials or TUNED_TRIALS


class Report(StudyPart):
    """How results are judged; it changes no trial."""

    smallest_difference: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.01
    """The smallest difference of interest, in the metric's units: 0.01 is a point of F1."""
    correction: Literal["holm", "bh"] = "holm"
    """Of p-values within a table: Holm's for any error at all, Benjamini and Hochberg's for the
    share of false discoveries."""
    metric: str | None = None
    """The score or cost whose table, picture and answers are shown first; the criterion when left
    out."""


class Question(StudyPart):
    """A comparison that the study is made for; all that it does not ask about is exploratory."""

    cell: str | dict[str, Scalar]
    """The levels by which the cell differs from the reference, or its name, such as
    ``without context``."""
    side: Literal["two", "less", "greater"] = "two"
    """Which differences, cell - reference, would answer it."""
    smallest_difference: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """The smallest of interest; that of ``report`` when left out."""


class Resources(StudyPart):
    """What trials may use."""

    workers: Annotated[int, Field(ge=1)] | None = None
    """Trials at a time; as many as fit when left out."""
    cpus_per_trial: Annotated[float, Field(gt=0.0)] = 1.0
    """Cores of a worker."""
    gpus_per_trial: Annotated[float | Literal["auto"], BeforeValidator(read_gpus)] = 0.0
    """GPUs of a worker; a fraction lets several share one. ``auto``: the first trial of a kind has
    a GPU to itself and its memory is measured, those after it share one by what it took."""
    fuse: Annotated[int | Literal["auto"], BeforeValidator(read_fuse)] = 1
    """Trials trained as one program at most, outside of search, on the CPU: seeds of a cell, and
    with them whole cells that differ in numbers only. ``auto``: up to 8 where that gains."""
    exclusive: bool = False
    """Whether trials run one at a time, so that none slows another while its cost is measured."""

    @model_validator(mode="after")
    def _exclusive_is_one_at_a_time(self) -> Self:
        if self.exclusive and (self.workers or 1) > 1:
            raise InputError(
                f"workers is {self.workers} and exclusive is true: expected one of them, since "
                "exclusive trials run one at a time"
            )
        if self.exclusive and self.fuse != 1:
            raise InputError(
                f"fuse is {self.fuse} and exclusive is true: expected one of them, since exclusive "
                "trials run one at a time"
            )
        return self


class Budget(StudyPart):
    """When to stop."""

    hours: Annotated[float, Field(gt=0.0)] | None = None
    """Of a run; the same command again goes on with as many."""
    trial_minutes: Annotated[float, Field(gt=0.0)] | None = None
    """Of a trial on one worker; one that takes longer fails, also one that hangs."""


class Study(StudyPart):
    """A validated study; :func:`search_spaces.load_study` makes one."""

    name: Annotated[str, Field(alias="study", pattern=r"^[a-z0-9_-]+$", max_length=100)]
    """Its name, also that of its folder of reports and of its experiment in MLflow."""
    description: str = ""
    """The question, in a sentence; reports repeat it."""
    dataset: str = "synthetic"
    """A name of the catalog, or ``path`` for files of one's own."""
    dataset_options: dict[str, Scalar] = Field(default_factory=dict)
    """The dataset's own options, such as its ``task``."""
    modalities: tuple[str, ...] | None = None
    """Those given to the model; all that the dataset has when left out."""
    folds: Annotated[str | None, BeforeValidator(fold_scheme)] = None
    """How many folds, or what conversations are grouped by; as the data's card says when left out,
    and the corpus's own splits where it says nothing."""
    fold: str | None = Field(default=None, exclude=True)
    """The one of ``folds`` whose trials are asked for; no key of a study file."""
    criterion: Annotated[str, AfterValidator(check_score_form)] = DEFAULT_SCORE
    """The validation score that chooses epochs and configurations, and by which tables judge."""
    base: dict[str, Any] = Field(default_factory=dict)
    """Configuration fields that do not vary, and what inactive factors fall back to. With ``size``,
    those that it leaves out are as :mod:`search_spaces.sizes` has them for the trial's backbone."""
    factors: dict[str, Factor] = Field(default_factory=dict)
    """By name, each one after those it is conditional on; none where nothing varies."""
    search: Search | None = None
    """The first phase; none when left out."""
    confirm: Confirm | None = None
    """The second phase; none when left out."""
    ablate: Ablate | None = None
    """The last phase; none when left out."""
    report: Report = Report()
    """How results are judged."""
    questions: dict[str, Question] = Field(default_factory=dict)
    """By name, in the order in which they are answered; corrected among themselves."""
    resources: Resources = Resources()
    """What trials may use."""
    budget: Budget = Budget()
    """When to stop."""

    @property
    def factor_names(self) -> tuple[str, ...]:
        """All factors, each one after those it is conditional on."""
        return tuple(self.factors)

    def base_config(self, seed: int) -> TrialConfig:
        """The configuration in which no factor is set."""
        return self.config({}, seed)

    def config(self, assignment: Assignment, seed: int, where: str | None = None) -> TrialConfig:
        """The trial with the levels of ``assignment``.

        Factors that it leaves out, and those that are inactive under it, are as in the base, or
        else at the configuration's default.

        Raises:
            InputError: for an unknown factor, or levels that do not go together; ``where`` is
                the place it names.
        """
        place = where or f"study '{self.name}'"
        for name in assignment:
            if name not in self.factors:
                raise unknown("factor", name, self.factors, place)
        values = self._fixed()
        for name, level in assignment.items():
            if self.active(name, assignment):
                _put(values, name, level)
        return TrialConfig.parse({**_sized(values, place), "seed": seed}, place)

    def on_fold(self, fold: str) -> "Study":
        """The part of the study whose conversations of this fold test."""
        return self.model_copy(update={"fold": fold})

    def active(self, factor: str, assignment: Assignment) -> bool:
        """Whether the conditions of ``factor`` hold, and those of the factors they name."""
        return all(
            self.active(parent, assignment) and self._level(parent, assignment) in levels
            for parent, levels in self.factors[factor].when.items()
        )

    def assignment(self, config: TrialConfig) -> dict[str, Scalar]:
        """The levels of the active factors in ``config``: the inverse of :meth:`config`."""
        values = {name: level_of(dict(config), name) for name in self.factors}
        known = {name: value for name, value in values.items() if value is not None}
        return {name: value for name, value in known.items() if self.active(name, known)}

    def ablation_levels(self, factor: str) -> tuple[Scalar, ...]:
        """The levels that the ablation tries of ``factor``."""
        own = self.factors[factor]
        listed = self.ablate.levels.get(factor) if self.ablate else None
        return listed or (own.levels if isinstance(own, Categorical) else ())

    def canonical(self) -> dict[str, Any]:
        """The whole study in JSON types; equal for files that differ in layout or key order.

        ``Study.model_validate`` reads it back.
        """
        values = self.model_dump(mode="json", by_alias=True)
        for key, there in (("questions", self.questions), ("folds", self.folds)):
            if not there:
                del values[key]
        if self.criterion == DEFAULT_SCORE:
            del values["criterion"]
        if self.ablate and self.ablate.retune is None:
            del values["ablate"]["retune"]
        if self.ablate and not self.ablate.extension_check:
            del values["ablate"]["extension_check"]
        return values

    def fold_fields(self) -> dict[str, str | None]:
        """The configuration's fields that say which fold tests; none on the corpus's own splits."""
        return {} if self.fold is None else {"folds": self.folds, "fold": self.fold}

    def space_digest(self) -> str:
        """SHA-256 of all that decides what a search trial of a given assignment computes.

        Suggestions and scores may be shared between studies only where it is equal; it does not
        depend on how many trials are asked for.
        """
        keys = ("dataset", "dataset_options", "modalities", "criterion", "base", "factors")
        values = {key: value for key, value in self.canonical().items() if key in keys}
        values |= self.fold_fields()
        search = self.search and [self.search.seed, self.search.fixed]
        text = json.dumps([values, search], sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def _fixed(self) -> dict[str, Any]:
        options = {key: dict(self.base.get(key, {})) for key in OPTION_FIELDS}
        data: dict[str, Any] = {"dataset": self.dataset, "modalities": self.modalities}
        data |= {"dataset_options": dict(self.dataset_options), "criterion": self.criterion}
        data |= self.fold_fields()
        return {**self.base, **options, **data}

    def _level(self, factor: str, assignment: Assignment) -> Scalar | None:
        if factor in assignment:
            return assignment[factor]
        defaults = {key: field.get_default() for key, field in TrialConfig.model_fields.items()}
        fixed = self._fixed()
        known = {**defaults, **fixed, **assignment}
        defaults |= component_defaults(known["objective"], known["similarity"])
        backbone = {"backbone": known["backbone"]}
        level: Scalar | None = level_of(
            {**defaults, **_sized({**fixed, **backbone}, f"study '{self.name}'")}, factor
        )
        return level


def _sized(values: Mapping[str, Any], place: str) -> dict[str, Any]:
    try:
        return sized(values, TrialConfig.model_fields["backbone"].default)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def _put(values: dict[str, Any], factor: str, level: Scalar) -> None:
    field, _, option = factor.partition(".")
    if option:
        values[field][option] = level
    else:
        values[field] = str(level).split("+") if field == "modalities" else level

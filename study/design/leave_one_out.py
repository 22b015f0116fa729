"""The full method without one of its components."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search_spaces.schema import Ablate, Assignment, Study
from sslcl.augmentation import restricted, view_name, views_of
from sslcl.config import TrialConfig
from sslcl.errors import InputError
from sslcl.objectives import OBJECTIVES
from study.design.cell import Cell, Cells

_ZEROED = {
    "label_label_term": ("label_label_weight",),
    "class_weights": ("class_weight_exponent",),
    "focusing": ("focus_positive", "focus_negative"),
    "cross_entropy_term": ("cross_entropy_weight",),
}
"""Components that are absent when these fields are 0."""
_CONTEXT_FREE = "utterance"


@dataclass(frozen=True)
class _Removal:
    """What takes a component out, or why it is not there to be taken out."""

    name: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    absent: str = ""


def leave_one_out(
    study: Study, ablate: Ablate, reference: Assignment, modalities: Sequence[str]
) -> Cells:
    """The reference without each of ``ablate.components`` in turn, where it has them.

    Each view and each modality is removed in its turn. A modality removed at train time is absent
    from the whole trial; one removed at test time only from the test split, so that training is
    that of the reference to the bit.

    Args:
        study: the study.
        ablate: its ablation.
        reference: the full method.
        modalities: those of the dataset, in its order.

    Raises:
        ValueError: without modalities.
    """
    full = study.config(reference, 0)
    chosen = tuple(name for name in modalities if name in (full.modalities or modalities))
    if not chosen:
        raise ValueError("leave_one_out needs the dataset's modalities")
    cells: list[Cell] = []
    notes: list[str] = []
    for component in ablate.components:
        for removal in _removals(component, full, chosen):
            name = f"without {removal.name}"
            cell = Cell(name, reference, {"without": removal.name}, removal.overrides)
            reason = removal.absent or _refusal(cell, study)
            if reason:
                notes.append(f"{name}: skipped, {reason}")
            else:
                cells.append(cell)
    return Cells(tuple(cells), tuple(notes))


def _refusal(cell: Cell, study: Study) -> str:
    """Why the objective or the backbone cannot be trained without the component, or nothing."""
    try:
        cell.config(study, 0)
    except InputError as error:
        return str(error)
    return ""


def _removals(component: str, full: TrialConfig, modalities: Sequence[str]) -> Iterator[_Removal]:
    if component in _ZEROED:
        yield _zeroed(component, full)
        return
    yield from _BY_COMPONENT[component](full, modalities)


def _zeroed(component: str, full: TrialConfig) -> _Removal:
    fields = _ZEROED[component]
    unread = OBJECTIVES.get(full.objective).unread_fields(full)
    read = [name for name in fields if name not in unread]
    if not read:
        reason = f"objective {full.objective} does not read {' and '.join(fields)}"
        return _Removal(component, absent=reason)
    zeros = {name: 0.0 for name in read if getattr(full, name) != 0}
    absent = "" if zeros else f"the reference has none: {' and '.join(read)} is 0"
    return _Removal(component, zeros, absent)


def _context(full: TrialConfig, modalities: Sequence[str]) -> Iterator[_Removal]:
    absent = "the reference has none" if full.backbone == _CONTEXT_FREE else ""
    yield _Removal("context", {"backbone": _CONTEXT_FREE, "backbone_options": {}}, absent)


def _views(full: TrialConfig, modalities: Sequence[str]) -> Iterator[_Removal]:
    views, absent = _masked(full, modalities)
    if absent:
        yield _Removal("view", absent=absent)
    for name in views:
        left = f"{full.augmentation}-{name}" if len(views) > 1 else "none"
        yield _Removal(f"view {name}", {"augmentation": left})


def _augmentation(full: TrialConfig, modalities: Sequence[str]) -> Iterator[_Removal]:
    yield _Removal("augmentation", {"augmentation": "none"}, _masked(full, modalities)[1])


def _masked(full: TrialConfig, modalities: Sequence[str]) -> tuple[list[str], str]:
    """The names of the masked views, or why there are none."""
    if "augmentation" in OBJECTIVES.get(full.objective).unread_fields(full):
        return [], f"objective {full.objective} does not read augmentation"
    views = views_of(full.augmentation, modalities)[:-1]
    names = [view_name(view, modalities) for view in views]
    return names, "" if names else "the reference has no masked views"


def _train_modality(full: TrialConfig, modalities: Sequence[str]) -> Iterator[_Removal]:
    if len(modalities) == 1:
        yield _Removal("modality (train)", absent="the reference has one modality")
        return
    for name in modalities:
        left = tuple(other for other in modalities if other != name)
        tested = tuple(other for other in full.test_modalities or left if other != name)
        overrides = {
            "modalities": left,
            "test_modalities": tested if full.test_modalities else None,
            "augmentation": restricted(full.augmentation, left),
        }
        absent = "" if tested else "the reference is tested from no other"
        yield _Removal(f"modality {name} (train)", overrides, absent)


def _test_modality(full: TrialConfig, modalities: Sequence[str]) -> Iterator[_Removal]:
    tested = tuple(name for name in modalities if name in (full.test_modalities or modalities))
    if len(tested) == 1:
        yield _Removal("modality (test)", absent="the reference is tested from one modality")
        return
    for name in tested:
        left = tuple(other for other in tested if other != name)
        yield _Removal(f"modality {name} (test)", {"test_modalities": left})


_BY_COMPONENT: dict[str, Callable[[TrialConfig, Sequence[str]], Iterator[_Removal]]] = {
    "view": _views,
    "augmentation": _augmentation,
    "context": _context,
    "train_modality": _train_modality,
    "test_modality": _test_modality,
}

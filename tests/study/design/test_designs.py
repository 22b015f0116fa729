"""Designs: which cells each one puts around a reference, over one study file."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from search_spaces import Categorical, Float, Study, load_study
from search_spaces.schema import COMPONENTS, FIRST_FRESH_SEED, Ablate, Search
from sslcl.augmentation import AUGMENTATIONS, views_of
from sslcl.config import TrialConfig, component_defaults
from sslcl.errors import InputError
from sslcl.objectives import OBJECTIVES
from study.analysis.comparisons import split_cell
from study.design.ablation import Cells
from study.design.plan import Winners, plan, summarize
from study.design.tuning import search_of
from tracking.records import Phase

from .test_plan import (
    DATA,
    DESIGNS,
    LEVELS,
    MODALITIES,
    REFERENCE,
    Data,
    cells_around,
    few,
    make_study,
    studies,
    study_of,
    trials_around,
)

SHIPPED = ("quickstart", "mosi")


def cells_of(study: Study, reference: Mapping[str, Any], **changed: Any) -> Cells:
    ablate = (study.ablate or Ablate()).model_copy(update=changed)
    study = study.model_copy(update={"ablate": ablate})
    return cells_around(study, reference)


def text(value: object) -> str:
    return "+".join(value) if isinstance(value, list) else str(value)


@few
@given(studies())
def test_the_reference_is_first_and_no_two_cells_are_the_same(
    drawn: tuple[Study, dict[str, Any]],
) -> None:
    study, reference = drawn
    cells = cells_around(study, reference).cells
    assert cells[0].name == "reference"
    assert cells[0].config(study, 0) == study.config(reference, 0)
    assert len({cell.name for cell in cells}) == len(cells)
    assert len({DATA.identify(cell.config(study, 0)) for cell in cells}) == len(cells)


@few
@given(studies())
def test_a_cell_of_levels_is_the_reference_but_for_the_levels_in_its_name(
    drawn: tuple[Study, dict[str, Any]],
) -> None:
    study, reference = drawn
    base = study.config(reference, 0).canonical()
    for design in ("one_factor", "grid", "fractional"):
        for cell in cells_of(study, reference, design=design).cells[1:]:
            named = dict(zip(*(part.split(", ") for part in split_cell(cell.name)), strict=True))
            config = cell.config(study, 0).canonical()
            assert {name: text(config[name]) for name in named} == named
            shared = base.keys() & config.keys()
            follow = set(component_defaults("sslcl", "soft_hgr"))
            parts = named.keys() & {"objective", "similarity"}
            allowed = named.keys() | (follow if parts else set())
            assert {key for key in shared if base[key] != config[key]} <= allowed


@pytest.mark.parametrize("design", [*DESIGNS, "search"])
@pytest.mark.parametrize("name", SHIPPED)
def test_every_design_works_with_a_file_written_for_another(name: str, design: str) -> None:
    study = load_study(name, [f"ablate.design={design}"])
    assert study.space_digest() == load_study(name).space_digest()
    planned = plan(study, DATA, Winners(REFERENCE, [REFERENCE, {}]))
    phases = [Phase.SEARCH, Phase.CONFIRM, Phase.ABLATE][: 2 if design == "search" else 3]
    assert [phase.phase for phase in planned.phases] == phases
    assert (
        len(planned.phases[-1].cells)
        == {
            "one_factor": (16, 10),
            "grid": (3 * 3 * (4 * 5 * 4 + 1), 1 + 2 * 2 * (2 * 3 * 2 + 1)),  # Beside the reference.
            "fractional": (16, 16),
            "leave_one_out": (10, 12),  # The quickstart's file names fewer components.
            "search": (2, 2),
        }[design][SHIPPED.index(name)]
    )


def test_the_search_design_ends_with_the_confirmation() -> None:
    study = make_study(ablate={"design": "search"})
    assert trials_around(study, REFERENCE) == []
    rows = summarize(plan(study, DATA), set())
    assert [row.phase for row in rows] == [Phase.SEARCH, Phase.CONFIRM]


@few
@given(studies(), st.sampled_from(DESIGNS))
def test_another_design_trains_only_what_no_design_before_it_has(
    drawn: tuple[Study, dict[str, Any]], other: str
) -> None:
    study, reference = drawn
    assert study.ablate is not None
    changed = study.ablate.model_copy(update={"design": other, "reference": reference})
    after = study.model_copy(update={"ablate": changed, "search": None, "confirm": None})
    done = {t.identity for t in trials_around(study, reference)}
    wanted = {t.identity for t in trials_around(after, reference)}
    (row,) = summarize(plan(after, DATA), done)
    assert row.to_train == len(wanted - done)
    assert row.finished >= study.ablate.seed_looks[0]  # the reference's own
    if other == study.ablate.design:
        assert row.to_train == 0


@few
@given(studies(), st.integers(0, FIRST_FRESH_SEED - 1))
def test_seeds_of_the_search_are_never_used_again(
    drawn: tuple[Study, dict[str, Any]], seed: int
) -> None:
    study, reference = drawn
    study = study.model_copy(update={"search": Search(trials=6, seed=seed)})
    trials = trials_around(study, reference)
    assert search_of(study).settings.seed not in {trial.config.seed for trial in trials}


class TestFractional:
    def study(self, count: int, **ablate: Any) -> Study:
        """A study of ``count`` numeric factors that nothing is conditional on."""
        names = ("dropout", "weight_decay", "scale", "focus_positive", "label_label_weight")
        levels = {name: Categorical(levels=(0.1, 0.2, 0.3)) for name in names[:count]}
        chosen = Ablate(factors=tuple(levels), design="fractional", reference={}, **ablate)
        base = {**dict.fromkeys(levels, 0.2), "logit_scale": "fixed"}
        return study_of(base=base, factors=levels, ablate=chosen)

    def test_low_is_the_references_level_and_high_the_first_other(self) -> None:
        study = self.study(3)
        cells = cells_around(study, {"scale": 0.1}).cells
        assert [dict(cell.changed) for cell in cells[1:3]] == [
            {"dropout": 0.2, "weight_decay": 0.2, "scale": 0.2},
            {"dropout": 0.2, "weight_decay": 0.1, "scale": 0.1},
        ]
        assert len(cells) == 8

    def test_resolutions(self) -> None:
        small, large = (cells_around(self.study(5, resolution=r), {}) for r in (3, 4))
        assert (len(small.cells), len(large.cells)) == (8, 16)
        assert small.notes[0].startswith(
            "fractional: 8 runs of 5 factors at two levels, resolution III: main effects are "
        )
        assert "scale = -dropout×weight_decay" in small.notes[1]
        assert len(large.notes) == 1
        assert "resolution V or more" in large.notes[0]

    def test_listed_levels_take_the_place_of_a_drawn_one(self) -> None:
        factors = {
            "learning_rate": Float(low=1e-4, high=1e-2, log=True),
            "batch_size": Categorical(levels=(4, 8)),
        }
        ablate = Ablate(
            factors=("learning_rate", "batch_size"),
            design="fractional",
            levels={"learning_rate": (0.001, 0.01)},
        )
        study = study_of(factors=factors, ablate=ablate)
        reference = {"learning_rate": 0.00137, "batch_size": 8}
        assert [cell.name for cell in cells_around(study, reference).cells] == [
            "reference",
            "learning_rate=0.001, batch_size=8",
            "learning_rate=0.001, batch_size=4",
            "learning_rate=0.01, batch_size=8",
            "learning_rate=0.01, batch_size=4",
        ]

    def test_a_factor_that_others_need_is_held_and_one_without_a_choice_left_out(self) -> None:
        levels = {**LEVELS, "batch_size": (8,)}
        found = cells_of(make_study(levels), REFERENCE, design="fractional")
        assert found.notes[:2] == (
            "batch_size: skipped, it has no level other than the reference's",
            "objective: held at sslcl, on which similarity, label_embedding_depth, augmentation "
            "depend",
        )
        assert {tuple(cell.changed) for cell in found.cells[1:]} == {
            ("backbone", "similarity", "label_embedding_depth", "augmentation")
        }

    def test_factors_that_the_reference_does_not_read_are_skipped(self) -> None:
        reference = {**REFERENCE, "objective": "cross_entropy"}
        found = cells_of(make_study(), reference, design="fractional")
        assert {tuple(c.changed) for c in found.cells[1:]} == {
            ("backbone", "objective", "batch_size")
        }
        assert len(found.cells) == 8
        assert "similarity: skipped, the reference does not read it" in found.notes[0]

    def test_without_a_factor_there_is_the_reference_alone(self) -> None:
        study = make_study({"batch_size": (8,)}, ablate={"design": "fractional"})
        found = cells_around(study, {"batch_size": 8})
        assert [cell.name for cell in found.cells] == ["reference"]
        assert found.notes[-1] == "fractional: no factor is left to vary"


FULL = {"cross_entropy_weight": 0.3}
"""On top of the defaults, the method with every component."""
FIELDS = {
    "label_label_term": {"label_label_weight"},
    "class_weights": {"class_weight_exponent"},
    "focusing": {"focus_positive", "focus_negative"},
    "cross_entropy_term": {"cross_entropy_weight"},
    "augmentation": {"augmentation"},
    "context": {"backbone", "backbone_options"},
}


def method(base: Mapping[str, Any], **ablate: Any) -> Study:
    """A study of one configuration, which has nothing but ``base``."""
    chosen = Ablate(design="leave_one_out", reference={}, **ablate)
    modalities = base.get("modalities")
    rest = {key: value for key, value in base.items() if key != "modalities"}
    return study_of(base=rest, modalities=modalities, ablate=chosen)


def left_out(base: Mapping[str, Any], **ablate: Any) -> tuple[dict[str, TrialConfig], list[str]]:
    """The configuration of each cell, and the notes."""
    study = method(base, **ablate)
    found = cells_around(study, {})
    return {cell.name: cell.config(study, 0) for cell in found.cells}, list(found.notes)


@st.composite
def methods(draw: st.DrawFn) -> dict[str, Any]:
    """Any configuration of the components that ``leave_one_out`` may remove."""
    weight = st.sampled_from([0.0, 0.3])
    modalities = st.sampled_from([None, ("text", "video"), ("audio",), MODALITIES])
    base: dict[str, Any] = {
        "objective": draw(st.sampled_from(OBJECTIVES.names())),
        "backbone": draw(st.sampled_from(["recurrent", "utterance"])),
        "augmentation": draw(st.sampled_from(AUGMENTATIONS)),
        **{name: draw(weight) for names in list(FIELDS.values())[:4] for name in sorted(names)},
    }
    if (chosen := draw(modalities)) is not None:
        base["modalities"] = chosen
    try:
        config = TrialConfig.parse(base)
    except InputError:
        assume(False)
    views = views_of(config.augmentation, base.get("modalities", MODALITIES))[:-1]
    if len(views) > 1 and draw(st.booleans()):
        base["augmentation"] += "-" + "+".join(sorted(draw(st.sampled_from(views))))
    return base


class TestLeaveOneOut:
    def test_every_component_of_the_full_method_goes_in_its_turn(self) -> None:
        cells, notes = left_out(FULL)
        changed = {
            name: {
                key: value
                for key, value in config.model_dump().items()
                if value != cells["reference"].model_dump()[key]
            }
            for name, config in cells.items()
        }
        assert notes == []
        assert changed == {
            "reference": {},
            "without label_label_term": {"label_label_weight": 0.0},
            "without class_weights": {"class_weight_exponent": 0.0},
            "without focusing": {"focus_positive": 0.0, "focus_negative": 0.0},
            "without view text": {"augmentation": "text_plus_one-text"},
            "without view text+audio": {"augmentation": "text_plus_one-text+audio"},
            "without view text+video": {"augmentation": "text_plus_one-text+video"},
            "without augmentation": {"augmentation": "none"},
            "without cross_entropy_term": {"cross_entropy_weight": 0.0},
            "without context": {"backbone": "utterance"},
            "without modality text (train)": {"modalities": ("audio", "video")},
            "without modality audio (train)": {"modalities": ("text", "video")},
            "without modality video (train)": {"modalities": ("text", "audio")},
            "without modality text (test)": {"test_modalities": ("audio", "video")},
            "without modality audio (test)": {"test_modalities": ("text", "video")},
            "without modality video (test)": {"test_modalities": ("text", "audio")},
        }

    @few
    @given(methods())
    def test_a_cell_lacks_what_its_name_says_and_is_otherwise_the_reference(
        self, base: dict[str, Any]
    ) -> None:
        cells, notes = left_out(base)
        full = cells.pop("reference")
        modalities = full.modalities or MODALITIES
        for name, config in cells.items():
            removed, whole, now = name.removeprefix("without "), dict(full), dict(config)
            differ = {key for key in whole if whole[key] != now[key]}
            assert differ
            kind, *rest = removed.split()
            if kind == "view":
                gone = frozenset(rest[0].split("+"))
                before = views_of(full.augmentation, modalities)
                assert views_of(config.augmentation, modalities) == tuple(
                    view for view in before if view != gone
                )
                assert gone in before
                assert differ == {"augmentation"}
            elif kind == "modality":
                field = "modalities" if rest[1] == "(train)" else "test_modalities"
                assert set(now[field]) == set(modalities) - {rest[0]}
                assert differ - {"augmentation"} == {field}
                views_of(config.augmentation, config.modalities or modalities)
            else:
                assert differ <= FIELDS[kind]
                assert all(not now[key] or isinstance(now[key], str) for key in differ)
        skipped = {note.split(":")[0].split()[1] for note in notes}
        kinds = {name.split()[1] for name in cells}
        assert kinds | skipped == {
            "modality" if name.endswith("modality") else name for name in COMPONENTS
        }

    def test_what_the_objective_does_not_read_is_skipped_and_said(self) -> None:
        cells, notes = left_out({"objective": "cross_entropy"}, components=COMPONENTS[:7])
        assert list(cells) == ["reference", "without context"]
        assert notes[0] == (
            "without label_label_term: skipped, objective cross_entropy does not read "
            "label_label_weight"
        )
        assert len(notes) == 6

    def test_what_is_absent_or_needed_is_skipped_and_said(self) -> None:
        cells, notes = left_out(
            {"objective": "supcon", "cross_entropy_weight": 1.0, "backbone": "utterance"},
            components=("cross_entropy_term", "context"),
        )
        assert list(cells) == ["reference"]
        assert "predicts by the classifier" in notes[0]
        assert notes[1] == "without context: skipped, the reference has none"

    def test_the_only_view_and_the_whole_augmentation_are_one_cell(self) -> None:
        cells, notes = left_out({"augmentation": "text"}, components=("view", "augmentation"))
        assert list(cells) == ["reference", "without view text"]
        assert cells["without view text"].augmentation == "none"
        assert notes == ["without augmentation: left out, it trains the same as without view text"]

    def test_options_go_with_their_backbone(self) -> None:
        base = {"backbone": "recurrent", "backbone_options": {"layers": 2}}
        cells, _ = left_out(base, components=("context",))
        assert cells["without context"].backbone_options == {}

    def test_a_reference_that_is_tested_from_fewer_modalities(self) -> None:
        cells, notes = left_out(
            {"test_modalities": ("text",)}, components=("train_modality", "test_modality")
        )
        assert list(cells) == [
            "reference",
            "without modality audio (train)",
            "without modality video (train)",
        ]
        assert {config.test_modalities for config in cells.values()} == {("text",)}
        assert [note.split(":")[0] for note in notes] == [
            "without modality text (train)",
            "without modality (test)",
        ]

    def test_it_goes_around_the_winner_of_a_search(self) -> None:
        found = cells_of(make_study(), REFERENCE, design="leave_one_out")
        assert "without view text" in {cell.name for cell in found.cells}
        for cell in found.cells:
            assert cell.config(make_study(), 7).batch_size == REFERENCE["batch_size"]
            assert cell.config(make_study(), 7).seed == 7

    def test_it_must_know_the_modalities(self) -> None:
        with pytest.raises(ValueError, match="modalities"):
            cells_around(method({}), {}, Data("data"))


def test_a_search_trial_keeps_its_id_whatever_the_design() -> None:
    ids = {search_of(make_study(ablate={"design": design})).id(3) for design in DESIGNS}
    assert len(ids) == 1

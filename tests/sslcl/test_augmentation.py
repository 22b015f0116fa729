import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslcl.augmentation import AUGMENTATIONS, check_augmentation, view_weights, views_of
from sslcl.errors import InputError

MODALITIES = ("text", "audio", "video")


def names(augmentation: str, modalities: tuple[str, ...] = MODALITIES) -> list[str]:
    return ["".join(sorted(m[0] for m in v)) for v in views_of(augmentation, modalities)]


@pytest.mark.parametrize(
    ("augmentation", "expected"),
    [
        ("none", ["atv"]),
        ("text", ["t", "atv"]),
        ("text_plus_one", ["t", "at", "tv", "atv"]),
        ("all_subsets", ["t", "a", "v", "at", "tv", "av", "atv"]),
    ],
)
def test_views_of_three_modalities(augmentation: str, expected: list[str]) -> None:
    assert names(augmentation) == expected


def test_papers_views_have_the_released_weights() -> None:
    assert view_weights(views_of("text_plus_one", MODALITIES)) == pytest.approx(
        (1 / 3, 2 / 3, 2 / 3, 1)
    )


def test_the_first_modality_stands_in_for_text() -> None:
    assert names("text", ("video", "audio")) == ["v", "av"]


@given(
    augmentation=st.sampled_from(AUGMENTATIONS),
    modalities=st.permutations(["text", "audio", "video", "gaze"]).flatmap(
        lambda order: st.integers(1, 4).map(lambda size: tuple(order[:size]))
    ),
)
def test_views_are_distinct_nonempty_and_end_with_the_full_one(
    augmentation: str, modalities: tuple[str, ...]
) -> None:
    views = views_of(augmentation, modalities)
    assert views[-1] == frozenset(modalities)
    assert len(set(views)) == len(views)
    assert all(view and view <= views[-1] for view in views)
    assert [len(v) for v in views] == sorted(len(v) for v in views)
    weights = view_weights(views)
    assert weights[-1] == 1
    assert all(0 < w <= 1 for w in weights)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_one_modality_has_one_view(augmentation: str) -> None:
    assert names(augmentation, ("text",)) == ["t"]


def test_unknown_set_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'all_subsets'"):
        check_augmentation("all_subset")

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslcl.augmentation import (
    AUGMENTATIONS,
    canonical_augmentation,
    check_augmentation,
    restricted,
    view_name,
    view_weights,
    views_of,
)
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
    for name in ("all_subset", "all_subset-text"):
        with pytest.raises(InputError, match="did you mean 'all_subsets'"):
            check_augmentation(name)


@pytest.mark.parametrize(
    ("augmentation", "expected"),
    [
        ("text_plus_one-text+audio", ["t", "tv", "atv"]),
        ("text_plus_one-audio+text", ["t", "tv", "atv"]),
        ("text_plus_one-text-text+video", ["at", "atv"]),
        ("text-text", ["atv"]),
        ("all_subsets-video-audio", ["t", "at", "tv", "av", "atv"]),
    ],
)
def test_views_may_be_taken_out_of_a_set(augmentation: str, expected: list[str]) -> None:
    assert names(augmentation) == expected


@given(st.data())
def test_taking_views_out_leaves_the_others_whatever_the_order(data: st.DataObject) -> None:
    base = data.draw(st.sampled_from(AUGMENTATIONS))
    before = views_of(base, MODALITIES)
    removed = data.draw(st.sets(st.sampled_from(before[:-1]))) if len(before) > 1 else set()
    parts = ["+".join(data.draw(st.permutations(sorted(view)))) for view in removed]
    written = "-".join([base, *data.draw(st.permutations(parts))])
    assert views_of(written, MODALITIES) == tuple(v for v in before if v not in removed)
    canonical = canonical_augmentation(written)
    assert canonical == canonical_augmentation("-".join([base, *parts]))
    assert canonical_augmentation(canonical) == canonical
    assert views_of(canonical, MODALITIES) == views_of(written, MODALITIES)


@pytest.mark.parametrize(
    "name", ["text-", "text-text+", "text-text+text", "text-text-text", "all_subsets-a+b-b+a"]
)
def test_views_that_cannot_be_are_refused_when_they_are_read(name: str) -> None:
    with pytest.raises(InputError, match=r"expected a view once.*joined by \+"):
        check_augmentation(name)


@pytest.mark.parametrize(
    ("augmentation", "said"),
    [
        ("text_plus_one-audio", r"unknown view 'audio' in augmentation 'text_plus_one-audio'"),
        ("text_plus_one-audio+txt", r"did you mean 'text\+audio'\?"),
        ("all_subsets-text+audio+video", r"unknown view 'text\+audio\+video'"),
        ("none-text", r"\(there are none\)"),
    ],
)
def test_a_view_that_the_set_lacks_is_refused_by_name(augmentation: str, said: str) -> None:
    check_augmentation(augmentation)
    with pytest.raises(InputError, match=said):
        views_of(augmentation, MODALITIES)


def test_on_fewer_modalities_only_what_is_still_there_is_taken_out() -> None:
    assert restricted("text_plus_one-text+audio", ["text", "audio"]) == "text_plus_one"
    assert restricted("all_subsets-text-audio+text", ["text", "video"]) == "all_subsets-text"
    assert restricted("text_plus_one", ["text"]) == "text_plus_one"


def test_views_are_named_in_the_datasets_order() -> None:
    assert view_name(frozenset({"audio", "text"}), MODALITIES) == "text+audio"

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sslcl.similarities import SIMILARITIES, negative_table
from sslcl.testing.similarities import WIDTH, SimilarityContract, candidate_rows, make, vectors

from ..objectives import reference_loss as reference

for _name in SIMILARITIES.names():
    globals()[f"Test_{_name}"] = type(f"Test_{_name}", (SimilarityContract,), {"name": _name})


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("name", reference.SIMILARITIES)
@pytest.mark.parametrize("size", [2, 3, 10, 60])
@pytest.mark.parametrize("classes", [2, 4, 7])
def test_equals_the_literal_definition(name: str, size: int, classes: int) -> None:
    features, embeddings = vectors(2, size), vectors(classes)
    labels = torch.randint(classes, (size,))
    table = torch.randint(classes, (5, classes))
    found = make(name).candidates(features, labels, embeddings, table)
    expected = torch.stack(
        [
            torch.stack(
                [reference.SIMILARITIES[name](view, embeddings[row[labels]]) for row in table]
            )
            for view in features
        ]
    )
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@given(st.integers(2, 9), st.data())
def test_each_wrong_class_is_met_exactly_once(classes: int, data: st.DataObject) -> None:
    labels = data.draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=30))
    found = negative_table(classes)[:, labels]  # (C - 1, N)
    assert found.tolist() == reference.negative_classes(labels, classes)
    for column, label in zip(found.T.tolist(), labels, strict=True):
        assert sorted(column) == [c for c in range(classes) if c != label]


@given(st.integers(2, 7), st.data())
def test_released_rows_sum_to_zero_over_the_candidates(classes: int, data: st.DataObject) -> None:
    labels = torch.tensor(data.draw(st.lists(st.integers(0, classes - 1), min_size=2, max_size=9)))
    features, embeddings = vectors(1, len(labels)), vectors(classes)
    alignment, _ = make("soft_hgr").terms(features, labels, embeddings, candidate_rows(classes))  # type: ignore[operator]
    torch.testing.assert_close(alignment.sum(dim=1), torch.zeros_like(alignment[:, 0]))


@pytest.mark.parametrize("name", ["soft_hgr", "soft_hgr_textbook"])
class TestSoftHGR:
    def test_a_candidate_that_is_the_same_for_all_says_nothing(self, name: str) -> None:
        table = torch.arange(4).unsqueeze(1).expand(4, 4)
        labels = torch.tensor([0, 1, 1, 2, 3, 3])
        found = make(name).candidates(vectors(2, 6), labels, vectors(4), table)
        torch.testing.assert_close(found, torch.zeros_like(found))

    def test_a_class_absent_from_the_batch_does_not_repel(self, name: str) -> None:
        features, embeddings = vectors(1, 6), vectors(4)
        labels = torch.tensor([0, 1, 1, 3, 3, 0])
        row = negative_table(4)[1:2]  # class 2 for all, since none is of class 2
        found = make(name).candidates(features, labels, embeddings, row)
        torch.testing.assert_close(found, torch.zeros_like(found))
        found.sum().backward()
        assert features.grad is not None
        torch.testing.assert_close(features.grad, torch.zeros_like(features))

    def test_one_utterance_has_similarity_zero(self, name: str) -> None:
        features = vectors(2, 1)
        found = make(name).candidates(features, torch.tensor([1]), vectors(3), candidate_rows(3))
        assert (found == 0).all()
        found.sum().backward()
        assert features.grad is not None
        assert (features.grad == 0).all()

    def test_one_class_has_positive_similarity_zero(self, name: str) -> None:
        labels = torch.full((7,), 2)
        found = make(name).candidates(vectors(1, 7), labels, vectors(3), candidate_rows(3))
        assert (found[:, 0] == 0).all()

    def test_penalty_share_is_that_of_the_positive_row(self, name: str) -> None:
        features, embeddings, labels = vectors(8), vectors(3), torch.arange(8) % 3
        similarity = make(name)
        positive = torch.arange(3).unsqueeze(0)
        alignment, penalty = similarity.terms(features[None], labels, embeddings, positive)  # type: ignore[operator]
        a, p = alignment.abs().mean(), penalty.abs().mean() / 2
        share = similarity.penalty_share(features, labels, embeddings)
        assert share is not None
        torch.testing.assert_close(share, (p / (a + p)).detach())
        assert similarity.penalty_share(features[:1], labels[:1], embeddings) == 0


def perfect(name: str, repeats: int) -> Tensor:
    """Similarities of balanced features that lie at their labels' embeddings, ``(C, N)``."""
    embeddings = torch.eye(6, WIDTH, dtype=torch.double)
    labels = torch.arange(6).repeat(repeats)
    return make(name).candidates(embeddings[labels][None], labels, embeddings, candidate_rows(6))[0]


def perfect_alignment(repeats: int) -> Tensor:
    """The released alignment alone, of the first six of such features, ``(C, 6)``."""
    embeddings = torch.eye(6, WIDTH, dtype=torch.double)
    labels = torch.arange(6).repeat(repeats)
    alignment, _ = make("soft_hgr").terms(  # type: ignore[operator]
        embeddings[labels][None], labels, embeddings, candidate_rows(6)
    )
    return torch.as_tensor(alignment[0, :, :6])


def test_released_logits_shrink_as_one_over_n() -> None:
    small, large = perfect_alignment(10), perfect_alignment(100)
    torch.testing.assert_close(large * (600 - 1), small * (60 - 1))


def test_released_penalty_overtakes_the_alignment_where_predicted() -> None:
    crossing = (WIDTH - 1) * (2 * 6) ** 0.5  # about 38 utterances
    below, above = perfect("soft_hgr", 5)[0], perfect("soft_hgr", 9)[0]
    assert 30 < crossing < 54
    assert below.min() > 0
    assert above.max() < 0


def test_textbook_keeps_its_size_and_averages_to_soft_hgr() -> None:
    small, large = perfect("soft_hgr_textbook", 20)[0], perfect("soft_hgr_textbook", 200)[0]
    torch.testing.assert_close(large.mean(), small.mean(), rtol=0.02, atol=0.0)
    features, embeddings, labels = vectors(30), vectors(4), torch.arange(30) % 4
    found = make("soft_hgr_textbook").candidates(
        features[None], labels, embeddings, torch.arange(4)[None]
    )
    x, y = features - features.mean(dim=0), embeddings[labels] - embeddings[labels].mean(dim=0)
    value = (x * y).sum() / 29 - torch.trace((x.T @ x / 29) @ (y.T @ y / 29)) / 2
    torch.testing.assert_close(found.mean(), value)


def test_dot_counts_lengths_and_cosine_does_not() -> None:
    assert not SIMILARITIES.get("dot").normalises
    assert SIMILARITIES.get("cosine").normalises

"""What every similarity promises: inherit :class:`SimilarityContract` in a test module."""

from typing import ClassVar

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from sslcl.similarities import SIMILARITIES, Similarity, TrainStatistics, negative_table

WIDTH = 12


class SimilarityContract:
    """Tests of one similarity.

    Example:
        >>> class TestMine(SimilarityContract):  # doctest: +SKIP
        ...     name = "mine"
    """

    name: ClassVar[str]
    """The similarity's name in the registry."""

    @pytest.fixture(autouse=True)
    def _seed(self) -> None:
        torch.manual_seed(0)

    @pytest.fixture
    def similarity(self) -> Similarity:
        """The one under test."""
        return make(self.name)

    @pytest.mark.parametrize("labels", [[2], [1, 1, 1, 1], [0, 1], [0, 3, 3, 1, 0, 2, 3]])
    def test_shapes_and_finite_gradients(self, similarity: Similarity, labels: list[int]) -> None:
        features, embeddings = vectors(3, len(labels)), vectors(4)
        found = similarity.candidates(features, torch.tensor(labels), embeddings, candidate_rows(4))
        assert found.shape == (3, 4, len(labels))
        assert found.isfinite().all()
        found.square().sum().backward()
        for leaf in (features, embeddings):
            assert leaf.grad is not None
            assert leaf.grad.isfinite().all()

    def test_gradient_reaches_features_and_embeddings(self, similarity: Similarity) -> None:
        features, embeddings = vectors(2, 9), vectors(3)
        labels = torch.arange(9) % 3
        similarity.candidates(features, labels, embeddings, candidate_rows(3))[
            :, 0
        ].sum().backward()
        assert features.grad is not None
        assert embeddings.grad is not None
        assert features.grad.any(dim=-1).all()
        assert embeddings.grad.any(dim=-1).all()

    def test_views_do_not_mix(self, similarity: Similarity) -> None:
        features, embeddings, labels = vectors(3, 8), vectors(4), torch.arange(8) % 4
        together = similarity.candidates(features, labels, embeddings, candidate_rows(4))
        alone = similarity.candidates(features[1:2], labels, embeddings, candidate_rows(4))
        torch.testing.assert_close(together[1:2], alone)

    def test_order_of_utterances_does_not_matter(self, similarity: Similarity) -> None:
        features, embeddings, labels = vectors(2, 8), vectors(4), torch.arange(8) % 3
        order = torch.randperm(8)
        found = similarity.candidates(features, labels, embeddings, candidate_rows(4))
        shuffled = similarity.candidates(
            features[:, order], labels[order], embeddings, candidate_rows(4)
        )
        torch.testing.assert_close(shuffled, found[:, :, order])

    def test_scores_of_one_utterance_do_not_depend_on_others(self, similarity: Similarity) -> None:
        features, embeddings = vectors(6), vectors(4)
        prior = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.double)
        statistics = TrainStatistics(vectors(20).mean(dim=0), prior)
        together = similarity.scores(features, embeddings, statistics)
        assert together.shape == (6, 4)
        alone = [similarity.scores(row.unsqueeze(0), embeddings, statistics) for row in features]
        torch.testing.assert_close(torch.cat(alone), together)

    def test_scores_find_the_class_of_features_at_their_embedding(
        self, similarity: Similarity
    ) -> None:
        embeddings = torch.eye(5, WIDTH, dtype=torch.double)
        prior = torch.tensor([0.5, 0.3, 0.1, 0.05, 0.05], dtype=torch.double)
        statistics = TrainStatistics(prior @ embeddings, prior)
        found = similarity.scores(embeddings, embeddings, statistics).argmax(dim=-1)
        assert found.tolist() == [0, 1, 2, 3, 4]


def make(name: str) -> Similarity:
    """A similarity of :data:`WIDTH` features in double precision."""
    return SIMILARITIES.get(name)(WIDTH).double()


def vectors(*shape: int) -> Tensor:
    """Unit vectors of :data:`WIDTH` entries, with gradient."""
    rows = F.normalize(torch.randn(*shape, WIDTH, dtype=torch.double), dim=-1)
    return rows.requires_grad_()


def candidate_rows(classes: int) -> Tensor:
    """The positive candidate row and the released negative ones."""
    return torch.cat([torch.arange(classes).unsqueeze(0), negative_table(classes)])

"""Released Soft-HGR of the rows that SSLCL compares, in few products and with its own gradient."""

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd import Function

SMALLEST_NORM = 1e-12
"""As :func:`torch.nn.functional.normalize` has it."""


class SoftHGRContrast(NamedTuple):
    """Released Soft-HGR of every view with the label, and of the last view with wrong labels.

    With ``x~`` the L2-normalised features less their batch mean, ``x^`` those less the mean of
    their ``D`` entries, ``g~`` and ``g^`` the label embeddings likewise, ``S_k`` the sum of ``x^``
    over utterances of class ``k``, ``pi_k`` the share of the class and ``h = 1 / (2 (D - 1)^2)``::

        positive_i   = x~_i . g~_{y_i} / (N - 1) - h sum_k (x^_i . S_k) (g^_k . g^_{y_i})
        negative_ir  = (pi_r - [y_i = r]) (x~_i . (g_r - g_0) / (N - 1)
                                           + h ||g^_r - g^_0||^2 x^_i . S_r)

    The second line is what centring leaves of a row that holds class ``r`` and class 0 alone,
    since the ``S_k`` sum to 0. ``N - 1`` and ``D - 1`` count as 1 where they are 0.

    With the centred members ``m_ki = [y_i = k] - pi_k`` both are few products, because centring
    the candidates is a product with ``m`` in place of the members, and because in ``x~_i . S_k``
    only one side need be centred over its entries.

    Args:
        similarities: ``(V + C - 1, N)``, positives first.
        sizes: ``(2,)`` sums over the last view's positives of the magnitudes of alignment and
            penalty.
        shares: ``(C,)`` share of each class in the batch.
        inverse: ``(V, 1, N)`` inverse lengths of the features.
        gradient: what :func:`to_embeddings` needs besides the features.
    """

    similarities: Tensor
    sizes: Tensor
    shares: Tensor
    inverse: Tensor
    gradient: tuple[Tensor, ...]

    @classmethod
    def of(
        cls,
        features: Float[Tensor, "V N D"],
        units: Float[Tensor, "C D"],
        labels: Int[Tensor, " N"],
        scale: float = 1.0,
    ) -> "SoftHGRContrast":
        """Compare; to be called without recording gradients.

        Args:
            features: ``(V, N, D)``, not normalised.
            units: ``(C, D)``, L2-normalised label embeddings.
            labels: ``(N,)`` int64 in ``[0, C)``.
            scale: multiplies all similarities.
        """
        views, samples, width = features.shape
        classes = units.shape[0]
        some, identity, pattern, ones, squared = _constants(classes, units.dtype, units.device)
        align, half = _factors(samples, width)
        centred = identity.index_select(1, labels)  # (C, N)
        shares = centred.mean(dim=1, keepdim=True)  # exactly 1 in a batch of one class
        centred.sub_(shares)
        inverse = torch.linalg.vector_norm(features, dim=-1).clamp_(min=SMALLEST_NORM)
        inverse = inverse.reciprocal_().unsqueeze(1)
        weights = centred * inverse  # (V, C, N)
        sums = torch.bmm(weights, features)  # (V, C, D)
        sums.sub_(sums.sum(dim=-1, keepdim=True), alpha=1 / width)
        rows = torch.sub(units, units.sum(dim=-1, keepdim=True), alpha=1 / width)
        # -h (N - 1) g^_k . g^_l; with beta 0 the first argument has no effect.
        gram = torch.addmm(some, rows, rows.t(), beta=0, alpha=-half / align)
        # The negatives' products: pattern, with each ||g^_r - g^_0||^2 in its column.
        mix = torch.addmv(ones, squared.t(), gram.view(-1)).mul(pattern)  # (C - 1, 2C)

        targets = torch.cat([units.expand(views, -1, -1), sums], dim=1)  # (V, 2C, D)
        products = torch.bmm(targets, features.mT).mul_(inverse)  # (V, 2C, N)
        products.sub_(products.sum(dim=-1, keepdim=True), alpha=1 / samples)
        both = torch.cat([identity, gram])
        of_products = torch.addmm(some, both, centred, beta=0, alpha=scale * align)  # (2C, N)
        parts = products * of_products
        negatives = torch.mm(mix, products[-1]).mul_(of_products[1:classes])
        sizes = torch.linalg.vector_norm(parts[-1].view(2, classes, samples).sum(dim=1), 1, dim=1)
        return cls(
            torch.cat([parts.sum(dim=1), negatives]),
            sizes,
            shares.squeeze(1),
            inverse,
            (units, rows, inverse, weights, targets, products, of_products, mix),
        )


def to_embeddings(
    features: Tensor, saved: tuple[Tensor, ...], from_similarities: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The gradient of normalised label embeddings ``(C, D)``, and what :func:`to_features` needs.

    Args:
        features: as compared.
        saved: :attr:`SoftHGRContrast.gradient`.
        from_similarities: ``(V + C - 1, N)``.
    """
    units, rows, inverse, weights, targets, products, of_products, mix = saved
    views, samples, width = features.shape
    classes = units.shape[0]
    align, half = _factors(samples, width)
    squared = _constants(classes, units.dtype, units.device)[-1]
    own, wrong = from_similarities.split_with_sizes([views, classes - 1])
    own, wrong = own.unsqueeze(1), wrong * of_products[1:classes]

    to_products = own * of_products  # (V, 2C, N)
    to_products[-1].addmm_(mix.t(), wrong)
    to_products.sub_(to_products.sum(dim=-1, keepdim=True), alpha=1 / samples).mul_(inverse)
    to_targets = torch.bmm(to_products, features)
    to_units, to_sums = to_targets.chunk(2, dim=1)
    to_sums.sub_(to_sums.sum(dim=-1, keepdim=True), alpha=1 / width)

    summed = products[:, classes:]
    to_gram = torch.mm((summed * own).sum(dim=0), of_products[:classes].t())
    to_squares = (wrong * summed[-1, 1:]).sum(dim=1)  # (C - 1,)
    to_gram.view(-1).addmv_(squared[:, classes + 1 :], to_squares)
    to_units = to_units.sum(dim=0).addmm_(to_gram + to_gram.t(), rows, alpha=-half / align)

    of_features = torch.cat([to_products, weights], dim=1)  # (V, 3C, N)
    return to_units, (of_features, torch.cat([targets, to_sums], dim=1), inverse)


def to_features(features: Tensor, rest: tuple[Tensor, ...]) -> Tensor:
    """The gradient of features ``(V, N, D)``.

    Args:
        features: as compared.
        rest: of :func:`to_embeddings`.
    """
    of_features, targets, inverse = rest  # (V, 3C, N), (V, 3C, D), (V, 1, N)
    gradient = torch.bmm(of_features.mT, targets)
    along = (features * gradient).sum(dim=-1).unsqueeze(1).mul_(inverse).mul_(inverse)
    return gradient.addcmul_(features, along.mT, value=-1)


def soft_hgr_contrast(
    features: Float[Tensor, "V N D"],
    embeddings: Float[Tensor, "C D"],
    labels: Int[Tensor, " N"],
) -> tuple[Float[Tensor, "V N"], Float[Tensor, "C-1 N"], Float[Tensor, " 2"]]:
    """:class:`SoftHGRContrast` with a gradient: positives, negatives and, without one, sizes.

    Args:
        features: ``(V, N, D)``, not normalised.
        embeddings: ``(C, D)``, L2-normalised.
        labels: ``(N,)`` int64 in ``[0, C)``.
    """
    contrast: tuple[Tensor, Tensor, Tensor] = _SoftHGRContrast.apply(  # type: ignore[no-untyped-call]
        features, embeddings, labels
    )
    return contrast


class _SoftHGRContrast(Function):
    """The gradient is written out: autograd would keep and visit several times as many tensors."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, embeddings: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        contrast = SoftHGRContrast.of(features, embeddings, labels)
        ctx.save_for_backward(features, *contrast.gradient)
        ctx.mark_non_differentiable(contrast.sizes)
        negatives = len(embeddings) - 1
        positive, negative = torch.split(contrast.similarities, [len(features), negatives])
        return positive.clone(), negative.clone(), contrast.sizes

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: Any, from_positives: Tensor, from_negatives: Tensor, _: Tensor
    ) -> tuple[Tensor, Tensor, None]:
        features, *saved = ctx.saved_tensors
        together = torch.cat([from_positives, from_negatives])
        to_units, rest = to_embeddings(features, tuple(saved), together)
        return to_features(features, rest), to_units, None


def _factors(samples: int, width: int) -> tuple[float, float]:
    """``1 / (N - 1)`` and ``h``."""
    return 1 / max(samples - 1, 1), 0.5 / max(width - 1, 1) ** 2


class _Constants(NamedTuple):
    """Tensors that follow from the number of classes.

    Args:
        some: one number.
        identity: ``C x C``.
        pattern: rows that take all other classes' products from those of class 0, then ones where
            row ``r`` and class ``r`` meet.
        ones: for the first half of ``pattern``'s columns, and zeros for the second.
        squared: from ``C x C`` inner products to the squared distances of all classes from class
            0, in the second half of ``2C`` places.
    """

    some: Float[Tensor, "1"]
    identity: Float[Tensor, "C C"]
    pattern: Float[Tensor, "C-1 2C"]
    ones: Float[Tensor, " 2C"]
    squared: Float[Tensor, "C*C 2C"]


@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)
def _constants(classes: int, dtype: torch.dtype, device: torch.device) -> _Constants:
    identity = torch.eye(classes, dtype=dtype, device=device)
    apart = identity[0] - identity  # (C, C)
    squares = (apart[:, :, None] * apart[:, None, :]).flatten(1).t()  # (C C, C)
    return _Constants(
        identity[0, :1].clone(),
        identity,
        torch.cat([apart, identity], dim=1)[1:],
        torch.cat([torch.ones_like(identity[0]), torch.zeros_like(identity[0])]),
        torch.cat([torch.zeros_like(squares), squares], dim=1),
    )

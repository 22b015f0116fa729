"""The criteria of whole batches written out from their definitions, for comparison only."""

import torch
from torch import Tensor
from torch.nn import functional as F


def centring(samples: int) -> Tensor:
    return torch.eye(samples, dtype=torch.double) - 1 / samples


def gram_dependence(x: Tensor, y: Tensor) -> Tensor:
    """``tr(K H L H) / (N - 1)^2`` with the ``N x N`` linear kernel matrices."""
    h = centring(len(x))
    return torch.trace(x @ x.T @ h @ (y @ y.T) @ h) / (len(x) - 1) ** 2


def alignment(x: Tensor, y: Tensor) -> Tensor:
    """CKA as a cosine of ``N x N`` kernel matrices."""
    return gram_dependence(x, y) / (gram_dependence(x, x) * gram_dependence(y, y)).sqrt()


def standardised(z: Tensor) -> Tensor:
    return (z - z.mean(dim=0)) / (z.var(dim=0, unbiased=False) + 1e-5).sqrt()


def barlow_criterion(x: Tensor, y: Tensor) -> Tensor:
    correlation = standardised(x).T @ standardised(y) / len(x)
    total = torch.zeros((), dtype=torch.double)
    for a in range(x.shape[1]):
        for b in range(x.shape[1]):
            entry = correlation[a, b]
            total = total - ((1 - entry) ** 2 if a == b else 0.0051 * entry**2)
    return total


def root(matrix: Tensor) -> Tensor:
    """``A^-1/2`` by eigendecomposition."""
    values, basis = torch.linalg.eigh(matrix)
    value: Tensor = basis @ torch.diag(values**-0.5) @ basis.T
    return value


def canonical(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The ``D x D`` whitening matrices of both sides and ``T`` between them."""
    n, ridge = len(x), 0.01 * torch.eye(x.shape[1], dtype=torch.double)
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    wx, wy = root(x.T @ x / (n - 1) + ridge), root(y.T @ y / (n - 1) + ridge)
    return wx, wy, wx @ (x.T @ y / (n - 1)) @ wy


def dcca_criterion(x: Tensor, y: Tensor) -> Tensor:
    """The sum of canonical correlations, each ``s^2 / (s^2 + 1e-4)^1/2``."""
    squares = torch.linalg.svdvals(canonical(x, y)[2]) ** 2
    value: Tensor = (squares / (squares + 1e-4).sqrt()).sum()
    return value


def vicreg_side(z: Tensor) -> Tensor:
    deviations = (z.var(dim=0) + 1e-4).sqrt()
    covariance = torch.cov(z.T)
    off_diagonal = covariance - torch.diag(covariance.diagonal())
    variance = torch.relu(1 - deviations).mean()
    return 25 / 2 * variance + (off_diagonal**2).sum() / z.shape[1]


def vicreg_criterion(x: Tensor, y: Tensor) -> Tensor:
    return -25 * F.mse_loss(x, y) - vicreg_side(x) - vicreg_side(y)


CRITERIA = {
    "hsic": gram_dependence,
    "cka": alignment,
    "barlow_twins": barlow_criterion,
    "dcca": dcca_criterion,
    "vicreg": vicreg_criterion,
}


def literal_map(name: str, x: Tensor, y: Tensor) -> Tensor:
    """``W``, ``D x D``, from centred features and centred labels, by its definition."""
    n = len(x)
    if name == "hsic":
        return n / (n - 1) ** 2 * x.T @ y
    if name == "cka":
        cka: Tensor = n * x.T @ y / (torch.linalg.norm(x.T @ x) * torch.linalg.norm(y.T @ y))
        return cka
    if name == "dcca":
        wx, wy, t = canonical(x, y)
        u, s, vt = torch.linalg.svd(t)
        dcca: Tensor = n / (n - 1) * wx @ u @ torch.diag(s / (s**2 + 1e-4).sqrt()) @ vt @ wy
        return dcca
    deviations = [(z.var(dim=0, unbiased=False) + 1e-5).sqrt() for z in (x, y)]
    correlation = x.T @ y / n / torch.outer(*deviations)
    a = -0.0051 * correlation
    for i in range(x.shape[1]):
        a[i, i] = 2 - correlation[i, i]
    return a / torch.outer(*deviations)

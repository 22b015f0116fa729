"""Weights of several models as rows of one tensor, and a step of them all."""

import copy
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.adamw import adamw

from sslcl.data.types import Batch, View
from sslcl.dropout import dropout
from sslcl.fusion.averages import JointAverages
from sslcl.fusion.batches import StackedBatch
from sslcl.fusion.functional import Method, dropout_of, own_numbers
from sslcl.fusion.objectives import FUSED_OBJECTIVES
from sslcl.training import Trainer


class Stack:
    """The models and optimisers of several trainers, joined: ``(M, P)`` weights.

    From then on the trainers' weights, their optimisers' moments and the buffers of their
    objectives are views of the joint ones, so that each trainer goes on being a whole one.

    Args:
        members: trainers of one architecture and one dataset.
    """

    def __init__(self, members: Sequence[Trainer]) -> None:
        self.members = tuple(members)
        self.model = copy.deepcopy(members[0].model)
        named = dict(self.model.named_parameters())
        self._shapes = {name: p.shape for name, p in named.items()}
        self._sizes = [p.numel() for p in named.values()]
        rows = [torch.cat([p.detach().flatten() for p in m.model.parameters()]) for m in members]
        self._weights = torch.stack(rows).requires_grad_()  # (M, P)
        self._moments = {
            name: torch.stack([torch.cat(_moment(member, name)) for member in members])
            for name in ("exp_avg", "exp_avg_sq")
        }  # (M, P) each
        self._steps = torch.stack([_steps(member) for member in members])  # (M, K)
        self._buffers = {
            name: torch.stack([member.model.get_buffer(name) for member in members])
            for name, _ in self.model.named_buffers()
            if name.startswith("objective.")
        }
        self._averages = JointAverages.of(members, self._buffers)
        for number, member in enumerate(members):
            self._bind(number, member)
        configs = [member.config for member in members]
        self._objective = FUSED_OBJECTIVES[configs[0].objective](self.model.objective, configs)
        self._clips = torch.tensor([config.gradient_clip for config in configs])
        self._dropout = own_numbers([config.dropout for config in configs])
        self._input_dropout = own_numbers([config.input_dropout for config in configs])
        self._features = Method(self.model.backbone, "features")
        self._scores = Method(self.model, "scores")

    def _bind(self, number: int, member: Trainer) -> None:
        moments = [x[number].split_with_sizes(self._sizes) for x in self._moments.values()]
        weights = self._weights.detach()[number].split_with_sizes(self._sizes)
        parameters = member.model.parameters()
        for place, (p, row) in enumerate(zip(parameters, weights, strict=True)):
            p.data = row.view(p.shape)
            member.optimiser.state[p] = {
                "step": self._steps[number, place],
                "exp_avg": moments[0][place].view(p.shape),
                "exp_avg_sq": moments[1][place].view(p.shape),
            }
        for name, stacked in self._buffers.items():
            owner, _, own_name = name.rpartition(".")
            setattr(member.model.get_submodule(owner), own_name, stacked[number])
        if self._averages and member.average:
            member.average.join(member.model, self._averages.of_member(number, self._shapes))

    def _parameters(self) -> dict[str, Tensor]:
        """Parameters by name, ``(M, ...)``, with gradient to the weights."""
        parts = self._weights.split_with_sizes(self._sizes, dim=1)
        shapes = self._shapes.items()
        return {name: x.view(-1, *shape) for x, (name, shape) in zip(parts, shapes, strict=True)}

    def step(
        self, batch: StackedBatch, rates: Sequence[float], teaches: Tensor
    ) -> dict[str, Tensor]:
        """Train one step of every model.

        Args:
            batch: of the ``M`` models.
            rates: learning rates.
            teaches: ``(M,)`` bool on the CPU, false for models that sit this step out.

        Returns:
            ``(M,)`` each: ``train_loss`` and its terms, and ``gradient_norm``.
        """
        self.model.train()
        parameters = self._parameters()
        features = self._batch_features(parameters, batch)  # (M, V, N, D)
        state = _under("objective.", parameters | self._buffers)
        loss = self._objective.loss(state, features, batch.labels)
        (gradients,) = torch.autograd.grad(loss.totals.sum(), self._weights)  # (M, P)
        norms = torch.linalg.vector_norm(gradients, dim=1)  # (M,)
        gradients *= (self._clips / (norms + 1e-6)).clamp(max=1.0)[:, None]
        terms = {"train_loss": loss.totals.detach(), **loss.terms, "gradient_norm": norms}
        finite = torch.stack(list(terms.values())).isfinite().all(dim=0)
        self._update(gradients, rates, ~(finite & teaches))
        for member, taught in zip(self.members, teaches.tolist(), strict=True):
            member.steps += taught
        if self._averages:
            self._averages.update(self._weights.detach(), self._buffers, teaches)
        return terms

    def _batch_features(self, parameters: dict[str, Tensor], batch: StackedBatch) -> Tensor:
        given = {name: self._dropped(x) for name, x in batch.features.items()}
        views: Sequence[View] = self.model.objective.views

        def own(
            parameters: dict[str, Tensor],
            given: dict[str, Tensor],
            probability: Tensor | None,
            *rest: Tensor,
        ) -> Tensor:
            speakers, mask, lengths, places = rest
            ready = Batch(
                features=given,
                speakers=speakers,
                labels=speakers,  # The backbone reads none.
                mask=mask,
                lengths=lengths,
                standardised=True,
                places=places,
                envelope=batch.envelope,
            )
            with dropout_of(self.model.backbone, probability):
                features: Tensor = functional_call(self._features, parameters, (ready, views))
            return features

        mine = {f"module.{n}": x for n, x in _under("backbone.", parameters).items()}
        with sdpa_kernel(SDPBackend.MATH):  # The others have no form for several models.
            in_dims = (0, 0, None if self._dropout is None else 0, 0, 0, 0, 0)
            features: Tensor = vmap(own, in_dims, randomness="different")(
                mine,
                given,
                self._dropout,
                batch.speakers,
                batch.mask,
                batch.lengths,
                batch.places,
            )
        return features

    def _dropped(self, x: Tensor) -> Tensor:
        """``(M, B, T, width)`` input features with each model's dropout."""
        if self._input_dropout is None:
            dropped: Tensor = self.model.input_dropout(x)
            return dropped
        return dropout(x, self._input_dropout.view(-1, 1, 1, 1), training=True)

    def _update(self, gradients: Tensor, rates: Sequence[float], skipped: Tensor) -> None:
        """AdamW, each model with its own numbers; a skipped model's weights stay."""
        weights, inert = self._weights.detach(), skipped.float()
        for number, member in enumerate(self.members):
            group = member.optimiser.param_groups[0]
            step = self._steps[number, 0].clone()
            adamw(
                [weights[number]],
                [gradients[number]],
                [self._moments["exp_avg"][number]],
                [self._moments["exp_avg_sq"][number]],
                [],
                [step],
                fused=True,
                found_inf=inert[number],
                amsgrad=False,
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                lr=rates[number],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=False,
            )
            self._steps[number] = step

    @torch.no_grad()
    def scores(self, batches: Iterable[Batch]) -> list[Tensor]:
        """``(M, N, C)`` class scores of each batch by every model, from all modalities."""
        self.model.eval()
        state = {f"module.{n}": x for n, x in (self._parameters() | self._buffers).items()}

        def own(batch: Batch, state: dict[str, Tensor]) -> Any:
            return functional_call(self._scores, state, (batch,))

        with sdpa_kernel(SDPBackend.MATH):
            return [vmap(partial(own, batch))(state) for batch in batches]


def _under(prefix: str, named: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): x for n, x in named.items() if n.startswith(prefix)}


def _moment(member: Trainer, name: str) -> list[Tensor]:
    state = member.optimiser.state
    return [
        (state[p][name] if p in state else torch.zeros_like(p)).flatten()
        for p in member.model.parameters()
    ]


def _steps(member: Trainer) -> Tensor:
    state = member.optimiser.state
    return torch.stack(
        [state[p]["step"] if p in state else torch.zeros(()) for p in member.model.parameters()]
    )

"""Training several trials of one architecture as one program."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor

from sslcl.config import TrialConfig
from sslcl.data.types import Dataset
from sslcl.errors import Diverged, InputError
from sslcl.fusion.batches import StackedBatch
from sslcl.fusion.compatibility import why_not_fusible
from sslcl.fusion.stack import Stack
from sslcl.training import Trainer, derived_seed

Outcome = dict[str, float] | Diverged
"""Metrics of an epoch, or why there are none."""


class FusedTrainer:
    """Trains several configurations side by side, each of which keeps its own best epoch.

    Each member is a :class:`~sslcl.training.Trainer` with its own initialisation, order of
    conversations, learning rate, curve and early stopping, all as when it is trained alone; its
    weights are a row of the group's. A member that is over leaves the group. Without dropout
    a member is its single run but for rounding. Dropout is drawn for the group, since masks have
    the shape of all members' batches together: what a repetition has to repeat is the group, with
    its members in their order, and then, on the CPU with one thread, it gives the same bits.

    Args:
        configs: the members; see :func:`~sslcl.fusion.compatibility.why_not_fusible`.
        dataset: its test split is never looked at here.
        device: where to train.

    Raises:
        InputError: when the configurations do not go together.
    """

    def __init__(
        self,
        configs: Sequence[TrialConfig],
        dataset: Dataset,
        device: torch.device | str = "cpu",
    ) -> None:
        reason = why_not_fusible(configs)
        if reason is not None:
            raise InputError(f"these trials cannot be trained as one program: {reason}")
        self.members = tuple(Trainer(config, dataset, device) for config in configs)
        """Read metrics, predictions and weights here, and restore the best epoch."""
        first = self.members[0]
        for member in self.members:  # One copy of the data does for all.
            member.train_split, member.validation_split = first.train_split, first.validation_split
        self._over: set[int] = set()
        self.digests = tuple(config.digest() for config in configs)
        """Of the members' configurations."""
        self._stack: Stack | None = None
        self._stacked: tuple[int, ...] = ()

    @property
    def running(self) -> tuple[int, ...]:
        """Numbers of the members that have epochs to train."""
        return tuple(
            number
            for number, member in enumerate(self.members)
            if not member.finished and number not in self._over
        )

    @property
    def finished(self) -> bool:
        """Whether no member has epochs to train."""
        return not self.running

    def stop(self, number: int) -> None:
        """Take a member out of the group, as pruning does; it keeps its best epoch."""
        self._over.add(number)

    def fit_epoch(self) -> dict[int, Outcome]:
        """Train one epoch of every running member and score validation.

        Returns:
            By number of the member: the metrics of :meth:`sslcl.training.Trainer.fit_epoch`, of
            which ``seconds`` is the member's share of the group's; or, for a member of which a
            value was not finite, the error, and it leaves the group.
        """
        started = time.perf_counter()
        numbers = self.running
        members = [self.members[number] for number in numbers]
        if self._stack is None or self._stacked != numbers:
            self._stack, self._stacked = Stack(members), numbers
        for member in members:
            member.epoch += 1
        training = self._train_epoch(self._stack, members)
        split = members[0].validation_split
        outcomes: dict[int, Outcome] = {}
        with ExitStack() as averaged:
            for member in members:
                averaged.enter_context(member.averaged())
            parts = self._stack.scores(split.evaluation_batches())
            class_scores = split.joined(parts, dim=1)  # (M, N, C)
            share = (time.perf_counter() - started) / len(members)
            for number, metrics, own in zip(numbers, training, class_scores, strict=True):
                outcomes[number] = self._close(number, metrics, own, share)
        return outcomes

    def _close(
        self, number: int, training: Outcome, class_scores: Tensor, seconds: float
    ) -> Outcome:
        member = self.members[number]
        try:
            if isinstance(training, Diverged):
                raise training
            predictions = member.predictions(member.validation_split, class_scores)
            return member.close_epoch(training, predictions, seconds)
        except Diverged as error:
            self.stop(number)
            return error

    def _train_epoch(self, stack: Stack, members: Sequence[Trainer]) -> list[Outcome]:
        split, config = members[0].train_split, members[0].config
        orders = [
            torch.randperm(len(split), generator=torch.Generator().manual_seed(m.epoch_seed()))
            for m in members
        ]
        torch.manual_seed(derived_seed(*self.digests, "epoch", members[0].epoch))
        rates = [member.learning_rate() for member in members]
        steps: list[Tensor] = []
        taken: list[Tensor] = []
        names: tuple[str, ...] = ()
        for chosen in zip(
            *(torch.split(order, config.batch_size) for order in orders), strict=True
        ):
            teaches = torch.stack([split.labelled[own].any() for own in chosen])  # (M,)
            terms = stack.step(StackedBatch.of(split, chosen), rates, teaches)
            names = tuple(terms)
            steps.append(torch.stack(list(terms.values())))  # (K, M)
            taken.append(teaches)
        # Read once an epoch: each reading would make the device wait.
        values, counted = torch.stack(steps).cpu(), torch.stack(taken)  # (S, K, M), (S, M)
        return [
            _outcome(values[counted[:, i], :, i], names, members[i].epoch, rate)
            for i, rate in enumerate(rates)
        ]

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything needed to go on from here, as tensors and plain values."""
        return {
            "members": [member.state_dict() for member in self.members],
            "over": sorted(self._over),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a :meth:`state_dict`: the same bits as without the interruption."""
        for member, own in zip(self.members, state["members"], strict=True):
            member.load_state_dict(own)
        self._over = set(state["over"])
        self._stack = None


def _outcome(steps: Tensor, names: Sequence[str], epoch: int, rate: float) -> Outcome:
    """Means of ``(S, K)`` terms over the steps, or the first of them that is not finite."""
    for step in (~steps.isfinite()).nonzero()[:1].tolist():
        return Diverged(epoch, names[step[1]])
    means = steps.double().mean(dim=0).tolist()
    return dict(zip(names, means, strict=True)) | {"learning_rate": rate}

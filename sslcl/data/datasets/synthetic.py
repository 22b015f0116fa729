"""The embedded default dataset. **It is synthetic**: nothing in it was said or felt by anybody.

It shows that a method and its tooling work, and what context and modalities are worth where the
truth is known. It says nothing about how a method does on people. The generative model is in
``_simulator``; an exact decoder with its parameters gives the ceiling: :meth:`Synthetic.measure`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from sslcl.data.datasets import DatasetSource
from sslcl.data.datasets._simulator import EMOTIONS, MOST_SPEAKERS, WIDTHS, Simulator
from sslcl.data.types import Conversation, Dataset

_SPLIT_OF_SEVEN = ("train", "train", "train", "train", "validation", "test", "test")
_DECIMALS = 4
"""Features are rounded to this, far above the last-bit differences between platforms."""


class Synthetic(DatasetSource):
    """Simulated emotional conversations with MELD's seven classes, two to four speakers each."""

    name = "synthetic"
    summary = "simulated conversations, 7 emotions, text, audio and video (embedded, NOT real data)"

    class Options(BaseModel):
        """What can be varied; the defaults are the embedded dataset."""

        model_config = ConfigDict(frozen=True, extra="forbid")

        conversations: Annotated[int, Field(ge=7, le=100_000)] = 210
        """Conversations in all; of each seven, four train, one validates, two test."""
        imbalance: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
        """Class shares: 1 is MELD's, 0 is balanced, between is geometric interpolation."""
        noise: Annotated[float, Field(ge=0.1, le=100.0)] = 1.0
        """Standard deviation of the noise in every feature."""
        seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
        """Another seed gives other conversations from the same model."""

    def load(self, options: BaseModel, data_dir: Path | None) -> Dataset:
        """Generate the conversations; ``data_dir`` is not read.

        Conversation ``i`` depends on ``i``, ``seed``, ``imbalance`` and ``noise`` only: asking for
        more adds conversations and leaves the others as they are, in the split where they were.
        """
        del data_dir
        chosen = self.Options.model_validate(options)
        simulator = _simulator(chosen)
        splits: dict[str, list[Conversation]] = {"train": [], "validation": [], "test": []}
        for index in range(chosen.conversations):
            split = _SPLIT_OF_SEVEN[index % len(_SPLIT_OF_SEVEN)]
            splits[split].append(_conversation(simulator, chosen.seed, index))
        return Dataset(
            name=self.name,
            label_names=EMOTIONS,
            modalities=WIDTHS,
            speakers=MOST_SPEAKERS,
            train=tuple(splits["train"]),
            validation=tuple(splits["validation"]),
            test=tuple(splits["test"]),
            fingerprint="",
            synthetic=True,
            description=(
                "SYNTHETIC: simulated conversations with emotional inertia and contagion, and "
                "MELD's class names. No person was recorded; scores on it say nothing about real "
                "speech."
            ),
        )

    def measure(self, dataset: Dataset, options: BaseModel) -> Mapping[str, float]:
        """Test scores of the exact decoder that knows the generator.

        See :func:`sslcl.data.datasets._ceiling.ceilings`. Empty where the test split
        has been taken away.
        """
        from sslcl.data.datasets._ceiling import ceilings

        if dataset.test is None:
            return {}
        return ceilings(_simulator(self.Options.model_validate(options)), dataset.test)


def _simulator(options: Synthetic.Options) -> Simulator:
    return Simulator(imbalance=options.imbalance, noise=options.noise)


def _conversation(simulator: Simulator, seed: int, index: int) -> Conversation:
    sequence = np.random.SeedSequence([seed, index])
    sampled = simulator.sample(np.random.Generator(np.random.PCG64(sequence)))
    name = f"synthetic_{index:06d}"
    return Conversation(
        id=name,
        utterance_ids=tuple(f"{name}_{t:02d}" for t in range(len(sampled.speakers))),
        speakers=torch.from_numpy(sampled.speakers),
        labels=torch.from_numpy(sampled.emotions),
        features={
            modality: torch.from_numpy(np.round(x, _DECIMALS).astype(np.float32))
            for modality, x in sampled.features.items()
        },
    )

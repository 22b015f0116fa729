"""``python -m benchmarks.backbones``: the table of backbones in docs/methods.md.

Trains each backbone with cross-entropy on one batch of generated conversations shaped like
IEMOCAP's (16 conversations of 8 to 110 utterances), one thread, and prints Markdown. Utterances
per second depend on the machine; the last column, relative to the slowest, carries over.
"""

import time
from statistics import median

import torch

from sslcl.backbones import BACKBONES, Backbone, BackboneShape
from sslcl.data.types import Batch, Conversation

WIDTHS = {"text": 100, "audio": 100, "video": 100}
HIDDEN = 96
STEPS = 5


def conversations() -> list[Conversation]:
    """Sixteen conversations of two speakers with random features."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(8, 111, (16,), generator=generator).tolist()
    return [
        Conversation(
            id=f"c{i}",
            utterance_ids=tuple(str(t) for t in range(length)),
            speakers=torch.arange(length) % 2,
            labels=torch.randint(0, 6, (length,), generator=generator),
            features={
                name: torch.randn(length, width, generator=generator)
                for name, width in WIDTHS.items()
            },
        )
        for i, length in enumerate(lengths)
    ]


def measure(name: str, batch: Batch) -> tuple[int, int, float]:
    """Parameters, ``D``, and training utterances per second of one backbone."""
    torch.manual_seed(0)
    cls = BACKBONES.get(name)
    backbone: Backbone = cls(BackboneShape(WIDTHS, 2, HIDDEN, 0.1, cls.check_options({})))
    head = torch.nn.Linear(backbone.output_width, 6)
    parameters = [*backbone.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters)
    seconds = []
    for step in range(STEPS + 1):
        started = time.perf_counter()
        features = backbone.features(batch, [frozenset(WIDTHS)])[0]
        loss = torch.nn.functional.cross_entropy(head(features), batch.valid_labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step:
            seconds.append(time.perf_counter() - started)
    count = sum(p.numel() for p in backbone.parameters())
    return count, backbone.output_width, int(batch.mask.sum()) / median(seconds)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    batch = Batch.of(conversations())
    rows = {name: measure(name, batch) for name in BACKBONES.names()}
    slowest = min(speed for _, _, speed in rows.values())
    headings = "backbone", "parameters", "D", "utterances/s", "speed", "published F1", "source"
    print(f"| {' | '.join(headings)} |")
    print("|---" * len(headings) + "|")
    for name, (count, width, speed) in rows.items():
        cls = BACKBONES.get(name)
        published = ", ".join(f"{data} {score}" for data, score in cls.published.items()) or "-"
        cells = (
            f"`{name}`",
            f"{count:,}",
            str(width),
            f"{speed:,.0f}",
            f"{speed / slowest:.1f}x",
            published,
            cls.source,
        )
        print(f"| {' | '.join(cells)} |")
    print("\nWhat differs from the released code:\n")
    for name in rows:
        if differs := BACKBONES.get(name).differs:
            print(f"- `{name}`: {differs}")


if __name__ == "__main__":
    main()

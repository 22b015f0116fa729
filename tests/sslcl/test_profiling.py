"""Costs agree with hand counts, and measuring them disturbs nothing."""

import copy
import subprocess
import sys
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from sslcl import profiling
from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.data import Dataset, load_dataset
from sslcl.data.types import Batch, Conversation
from sslcl.profiling import COUNTED, TIMED, flops, profile
from sslcl.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

WIDTH, HIDDEN, LENGTH = 6, 4, 5


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("synthetic", {"conversations": 14})


def trained(data: Dataset, **changes: object) -> Trainer:
    trainer = Trainer(TrialConfig.parse({"epochs": 1, "hidden_size": 8, **changes}), data)
    trainer.fit_epoch()
    return trainer


class Scores(nn.Module):
    """Stands for a model: some layer over the features of one conversation."""

    def __init__(self, layer: nn.Module, run: Callable[[nn.Module, Tensor], object]) -> None:
        super().__init__()
        self.layer, self.run = layer, run

    def scores(self, batch: Batch) -> object:
        return self.run(self.layer, batch.features["x"])


def conversation(length: int = LENGTH) -> Conversation:
    zeros = torch.zeros(length, dtype=torch.long)
    names = tuple(map(str, range(length)))
    return Conversation("c", names, zeros, zeros, {"x": torch.randn(length, WIDTH)})


def attend(layer: nn.Module, x: Tensor) -> object:
    return layer(x, x, x, need_weights=False)


def call(layer: nn.Module, x: Tensor) -> object:
    return layer(x)


def packed(layer: nn.Module, x: Tensor) -> object:
    return layer(nn.utils.rnn.pack_padded_sequence(x, torch.tensor([LENGTH]), batch_first=True))


def fused(layer: nn.Module, x: Tensor) -> object:
    return nn.functional.scaled_dot_product_attention(x, x, x)


# A product of (n, k) and (k, m) is 2 n k m. A recurrent step multiplies input and state with the
# weights of its gates; attention of T utterances makes T x T scores and applies them.
LINEAR = 2 * LENGTH * WIDTH * HIDDEN
ATTENTION = 2 * (2 * LENGTH * LENGTH * WIDTH)
PROJECTIONS = 4 * 2 * LENGTH * WIDTH * WIDTH


def recurrent(gates: int) -> int:
    return 2 * 2 * LENGTH * gates * HIDDEN * (WIDTH + HIDDEN)  # in two directions


@pytest.mark.parametrize(
    ("layer", "run", "expected"),
    [
        (nn.Linear(WIDTH, HIDDEN), call, LINEAR),
        (nn.GRU(WIDTH, HIDDEN, batch_first=True, bidirectional=True), call, recurrent(3)),
        (nn.GRU(WIDTH, HIDDEN, batch_first=True, bidirectional=True), packed, recurrent(3)),
        (nn.LSTM(WIDTH, HIDDEN, batch_first=True, bidirectional=True), call, recurrent(4)),
        (nn.LSTM(WIDTH, HIDDEN, batch_first=True, bidirectional=True), packed, recurrent(4)),
        (nn.Identity(), fused, ATTENTION),
        (nn.MultiheadAttention(WIDTH, 2, batch_first=True), attend, PROJECTIONS + ATTENTION),
        (
            nn.TransformerEncoderLayer(WIDTH, 2, HIDDEN, batch_first=True),
            call,
            PROJECTIONS + ATTENTION + 2 * LINEAR,
        ),
    ],
    ids=["linear", "gru", "packed gru", "lstm", "packed lstm", "sdpa", "attention", "encoder"],
)
def test_operations_agree_with_a_count_by_hand(
    layer: nn.Module, run: Callable[[nn.Module, Tensor], object], expected: int
) -> None:
    model = Scores(layer, run)
    assert flops(model, [conversation()]) == expected  # type: ignore[arg-type]
    assert flops(model, [conversation()] * 3) == 3 * expected  # type: ignore[arg-type]


def test_the_operations_of_a_whole_model_agree_with_a_count_by_hand(data: Dataset) -> None:
    hidden, depth = 8, len(data.label_names)
    trainer = trained(data, backbone="utterance", objective="cross_entropy", augmentation="none")
    model = trainer.model
    products = [
        (layer.in_features, layer.out_features)
        for layer in model.modules()
        if isinstance(layer, nn.Linear)
    ]
    assert (hidden, depth) in products
    assert data.test is not None
    found = profile(trainer, data.test)
    assert found["flops_per_utterance"] == sum(2 * n * m for n, m in products)
    assert found["parameters"] == sum(p.numel() for p in model.parameters())
    weights = sum(n * m + m for n, m in products)
    assert found["parameters"] == weights


@pytest.mark.parametrize("backbone", BACKBONES.names())
def test_every_backbone_is_profiled_and_left_as_it_was(data: Dataset, backbone: str) -> None:
    trainer = trained(data, backbone=backbone)
    assert data.test is not None
    before, state = trainer.test(data.test), copy.deepcopy(trainer.model.state_dict())
    trainer.model.train()
    trainer.model.backbone.eval()
    modes = [module.training for module in trainer.model.modules()]
    random, fast = torch.get_rng_state(), torch.backends.mha.get_fastpath_enabled()
    found = profile(trainer, data.test)
    assert [module.training for module in trainer.model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.backends.mha.get_fastpath_enabled() == fast
    assert torch.backends.mkldnn.enabled
    assert all(torch.equal(state[k], v) for k, v in trainer.model.state_dict().items())
    after = trainer.test(data.test)
    assert np.array_equal(after.predictions, before.predictions)
    assert after.metrics == before.metrics
    assert 0 < found["latency_p50_ms"] <= found["latency_p95_ms"]
    assert found["flops_per_utterance"] > 2 * 8 * 8
    assert found["seconds_per_epoch"] == trainer.seconds
    assert "device_memory_mb" not in found


def test_profiling_between_epochs_changes_no_bit_of_training(data: Dataset) -> None:
    assert data.test is not None
    plain, watched = trained(data, epochs=2), trained(data, epochs=2)
    profile(watched, data.test)
    mine, other = plain.fit_epoch(), watched.fit_epoch()
    assert {**mine, "seconds": 0} == {**other, "seconds": 0}


def test_modes_and_random_states_are_put_back_after_a_failure(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        torch.rand(1)
        raise MemoryError

    trainer = trained(data)
    monkeypatch.setattr(profiling, "flops", fail)
    trainer.model.train()
    random = torch.get_rng_state()
    assert data.test is not None
    with pytest.raises(MemoryError):
        profile(trainer, data.test)
    assert trainer.model.training
    assert torch.equal(torch.get_rng_state(), random)


def test_only_so_many_conversations_are_read(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert data.test is not None
    many = tuple(data.test) * 100
    given: dict[str, Sequence[Conversation]] = {}

    def latencies(_: object, conversations: Sequence[Conversation]) -> list[float]:
        given["timed"] = conversations
        return [1.0, 2.0, 3.0]

    def count(_: object, conversations: Sequence[Conversation]) -> int:
        given["counted"] = conversations
        return 6 * sum(map(len, conversations))

    monkeypatch.setattr(profiling, "latencies", latencies)
    monkeypatch.setattr(profiling, "flops", count)
    found = profile(trained(data), many)
    assert (len(given["timed"]), len(given["counted"])) == (TIMED, COUNTED)
    assert (given["timed"][0], given["timed"][-1]) == (many[0], many[-1])
    assert (found["latency_p50_ms"], found["flops_per_utterance"]) == (2.0, 6.0)


MEMORY = """
import numpy
from sslcl.profiling import peak_memory_mb, reset_peak_memory
reset_peak_memory()
found = [peak_memory_mb()]
held = numpy.ones(40 * 2**17)  # 40 MiB
found.append(peak_memory_mb())
del held
found.append(peak_memory_mb())
reset_peak_memory()
print(*found, peak_memory_mb())
"""


def test_the_peak_of_memory_is_that_since_it_was_reset() -> None:
    """In a process of its own, where nothing else comes and goes."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    )
    low, high, after, again = map(float, done.stdout.split())
    assert high > low + 30
    assert after > high - 1
    if again > high - 1:
        pytest.skip("this system does not let a process reset its high-water mark")
    assert again < high - 30


@pytest.mark.parametrize("backbone", BACKBONES.names())
def test_products_are_counted_as_torch_counts_them(data: Dataset, backbone: str) -> None:
    model = Trainer(TrialConfig(backbone=backbone, hidden_size=8), data).model.eval()
    batch = Batch.of(list(data.validation)[:2])
    torchs = FlopCounterMode(display=False)
    with torch.no_grad(), profiling.countable(), torchs:
        model.scores(batch)
    with torch.no_grad(), profiling.countable(), profiling.ProductCounter() as ours:
        model.scores(batch)
    assert ours.operations == torchs.get_total_flops() > 0

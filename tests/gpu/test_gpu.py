"""What holds on the CPU holds on a GPU: losses, training, and the same bits when repeated."""

import pytest
import torch

from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.data import Dataset, load_dataset
from sslcl.data.types import Batch
from sslcl.objectives import OBJECTIVES, Shape
from sslcl.training import Trainer

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
pytestmark = pytest.mark.gpu
DEVICES = ["cpu", pytest.param("cuda", marks=needs_gpu)]


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("synthetic", {"conversations": 14})


def trainer(data: Dataset, device: str, **changes: object) -> Trainer:
    config = TrialConfig.parse({"epochs": 2, "hidden_size": 8, "dropout": 0.0, **changes})
    return Trainer(config, data, device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("backbone", BACKBONES.names())
def test_loss_is_that_of_the_cpu(data: Dataset, backbone: str, device: str) -> None:
    batch = Batch.of(list(data.train)[:4])
    expected = trainer(data, "cpu", backbone=backbone).model.eval().loss(batch).total
    model = trainer(data, device, backbone=backbone).model.eval()
    actual = model.loss(batch.to(torch.device(device))).total
    torch.testing.assert_close(actual.cpu(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("objective", OBJECTIVES.names())
def test_bfloat16_trains(data: Dataset, objective: str, device: str) -> None:
    changes = {"cross_entropy_weight": 1.0} if "sup" in objective or objective == "swfc" else {}
    narrow = trainer(data, device, objective=objective, precision="bfloat16", **changes)
    assert narrow.fit_epoch()["train_loss"] > 0
    assert all(p.dtype == torch.float32 for p in narrow.model.parameters())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("backbone", BACKBONES.names())
def test_training_repeats_bit_for_bit(data: Dataset, backbone: str, device: str) -> None:
    first, second = (
        {n: v for n, v in run.train_epoch().items() if n != "seconds"}
        for run in (trainer(data, device, backbone=backbone) for _ in range(2))
    )
    assert first == second


@needs_gpu
@pytest.mark.parametrize("objective", OBJECTIVES.names())
def test_a_step_of_an_objective_does_not_wait_for_the_device(objective: str) -> None:
    config = TrialConfig(objective=objective, cross_entropy_weight=1.0)
    shape = Shape(8, torch.full((3,), 1 / 3), ("text", "audio"))
    module = OBJECTIVES.get(objective)(config, shape).to("cuda")
    features = torch.randn(len(module.views), 12, 8, device="cuda", requires_grad=True)
    labels = torch.randint(3, (12,), device="cuda")
    module(features, labels).total.backward()
    torch.cuda.set_sync_debug_mode("error")
    try:
        module(features, labels).total.backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")

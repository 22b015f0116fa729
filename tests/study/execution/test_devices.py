"""On which device a trial is trained, and how it is made to repeat."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from study.execution.trial import device_of, pick_device


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if there was one; what is set for it is put back."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    deterministic: Any = torch.utils.deterministic
    fill = deterministic.fill_uninitialized_memory
    cudnn = torch.backends.cudnn.deterministic
    torch.use_deterministic_algorithms(False)
    yield
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = cudnn
    deterministic.fill_uninitialized_memory = fill


@pytest.mark.usefixtures("gpu")
def test_on_a_gpu_cuda_is_asked_for_the_same_bits() -> None:
    assert pick_device().type == "cuda"
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark


@pytest.mark.usefixtures("gpu")
def test_a_gpu_is_left_alone_where_none_is_asked_for() -> None:
    assert pick_device(gpu=False).type == "cpu"
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    ("worker", "device"), [("node1:47 cuda", "cuda"), ("cuda1:47 cpu", "cpu"), (None, "cpu")]
)
def test_a_trial_goes_to_the_device_that_it_was_trained_on(worker: str | None, device: str) -> None:
    assert device_of(worker).type == device

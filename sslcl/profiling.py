"""What a trained model costs, measured: time, memory, inference latency and operations."""

import copy
import re
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from sslcl.data.types import Batch, Conversation, Split
from sslcl.model import SSLCLModel
from sslcl.training import Trainer

TIMED = 24
"""Most conversations whose inference is timed."""
COUNTED = 4
"""Most conversations whose operations are counted."""
WARM_UP = 3
_MIB = 2**20


def profile(
    trainer: Trainer, split: Split, flops_per_utterance: float | None = None
) -> Mapping[str, float]:
    """The cost of a trained model: :func:`training_cost`, and that of inference on ``split``.

    - ``latency_p50_ms``, ``latency_p95_ms``: percentiles of the time from one conversation in
      memory to its predictions, in ms; see :func:`latencies`.
    - ``flops_per_utterance``: see :func:`flops`.

    The model, its train or eval mode and all random states are left as they were. At most
    :data:`TIMED` conversations are read, evenly spread over the split, so that this costs little.

    Args:
        trainer: of the trained model.
        split: whose conversations are predicted.
        flops_per_utterance: where they have been counted on a model that differs in its weights
            only, which they do not depend on.
    """
    cost = dict(training_cost(trainer))
    with _undisturbed(trainer.model, trainer.device):
        p50, p95 = np.percentile(latencies(trainer, _spread(split, TIMED)), [50, 95])
        if flops_per_utterance is None:
            counted = _spread(split, COUNTED)
            flops_per_utterance = flops(trainer.model, counted) / sum(map(len, counted))
    return cost | {
        "latency_p50_ms": float(p50),
        "latency_p95_ms": float(p95),
        "flops_per_utterance": flops_per_utterance,
    }


def training_cost(trainer: Trainer) -> Mapping[str, float]:
    """The cost of training so far.

    - ``seconds``, ``seconds_per_epoch``: of training and scoring validation, setting up excluded.
    - ``parameters``: number of them.
    - ``peak_memory_mb``: :func:`peak_memory_mb` of the process.
    - ``device_memory_mb``: highest memory that tensors took on the GPU, in MiB; not there without.
    """
    cost = {
        "seconds": trainer.seconds,
        "seconds_per_epoch": trainer.seconds / max(trainer.epoch, 1),
        "parameters": float(sum(p.numel() for p in trainer.model.parameters())),
        "peak_memory_mb": peak_memory_mb(),
    }
    if trainer.device.type == "cuda":
        cost["device_memory_mb"] = torch.cuda.max_memory_allocated(trainer.device) / _MIB
    return cost


def reset_peak_memory() -> None:
    """Begin a new trial in this process: what :func:`training_cost` calls peak starts here.

    Only Linux lets a process reset its high-water mark; elsewhere, and in sandboxes that refuse,
    the mark of the host remains that of all trials of the process so far.
    """
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # 5 resets the mark and nothing else
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_memory_mb() -> float:
    """Highest resident memory of the process since :func:`reset_peak_memory`, in MiB.

    It includes the libraries and the dataset, which a process holds whatever it trains.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        status = ""
    if found := re.search(r"VmHWM:\s+(\d+) kB", status):
        return int(found[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MIB


def latencies(trainer: Trainer, conversations: Sequence[Conversation]) -> list[float]:
    """Milliseconds from each conversation in memory to its predictions, one a batch.

    Making the batch and moving it to the device count. The first few conversations are predicted
    beforehand too, because the first calls of any model pay for what later ones reuse.
    """
    for conversation in conversations[:WARM_UP]:
        _predict(trainer, conversation)
    found = []
    for conversation in conversations:
        started = time.perf_counter()
        _predict(trainer, conversation)
        found.append((time.perf_counter() - started) * 1e3)
    return found


def flops(model: SSLCLModel, conversations: Sequence[Conversation]) -> int:
    """Floating-point operations of inference on ``conversations``, one a batch.

    Those of matrix products, convolutions, recurrent networks and attention are counted, with a
    multiplication and its addition as two; elementwise operations, norms and softmax are not, as
    is usual. The count is the same on every device and for every number format.
    """
    copied = copy.deepcopy(model).to("cpu").eval()
    counter = ProductCounter()
    with torch.no_grad(), countable(), counter:
        for conversation in conversations:
            copied.scores(Batch.of([conversation]))
    return counter.operations


class ProductCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations of matrix products while it is entered.

    The formulas are those of :class:`torch.utils.flop_counter.FlopCounterMode`, which besides
    follows the modules they belong to, which takes longer.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: int = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call ``func`` and count it."""
        given = kwargs or {}
        result = func(*args, **given)
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.operations += formula(*args, **given, out_val=result)
        return result


@contextmanager
def countable() -> Iterator[None]:
    """Let a counter of operations see all products: without the fused kernels that hide them.

    Those are of attention and of recurrent layers.
    """
    fast, onednn = torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn
    with ExitStack() as stack:
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.enter_context(onednn.flags(False, onednn.deterministic, onednn.allow_tf32))
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        torch.backends.mha.set_fastpath_enabled(False)
        yield


def _predict(trainer: Trainer, conversation: Conversation) -> None:
    batch = Batch.of([conversation]).to(trainer.device)
    narrow = trainer.config.precision == "bfloat16"
    with torch.no_grad(), torch.autocast(trainer.device.type, torch.bfloat16, enabled=narrow):
        trainer.model.scores(batch).argmax(dim=-1).cpu()  # on the CPU, so that the GPU is done


def _spread(split: Split, most: int) -> list[Conversation]:
    """At most ``most`` conversations at even distances."""
    places = np.linspace(0, len(split) - 1, min(most, len(split))).round().astype(int)
    return [split[place] for place in places.tolist()]


@contextmanager
def _undisturbed(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Evaluation mode inside, with modes and random states put back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        model.eval()
        try:
            yield
        finally:
            for module, mode in modes:
                module.training = mode

"""What a dataset takes in a cluster: one copy for all workers of a machine."""

from pathlib import Path

import pytest

from sslcl.data import load_dataset
from sslcl.data.loading.prepared import prepared
from sslcl.data.types import Dataset
from sslcl.validation import NoOptions


@pytest.mark.slow
def test_workers_read_the_object_store_and_hold_no_copy(tmp_path: Path) -> None:
    import ray

    made = load_dataset("synthetic", {"conversations": 210})
    dataset = prepared("shared", NoOptions(), [Path(__file__)], lambda: made)
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:

        def seen(given: Dataset) -> tuple[list[bool], float]:
            arrays = given.train.features.values()  # type: ignore[attr-defined]
            # What is in shared memory is read-only and belongs to nobody in the process.
            mapped = [not (x.flags.writeable or x.flags.owndata) for x in arrays]
            return mapped, float(given.train[0].features["text"].sum())

        mapped, total = ray.get(ray.remote(seen).remote(ray.put(dataset)))
    finally:
        ray.shutdown()
    assert mapped == [True] * len(dataset.modalities)
    assert total == pytest.approx(float(dataset.train[0].features["text"].sum()))

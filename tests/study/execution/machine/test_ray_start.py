"""What this process does not import before the first trial."""

from ray.tune import tune

from study.execution.machine.ray_recovery import count_no_callbacks


def test_ray_tune_counts_no_callbacks_for_which_it_would_import_mlflow() -> None:
    count_no_callbacks()
    assert tune.air_usage.tag_callbacks([object()]) is False

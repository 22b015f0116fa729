"""Phases that follow each other in one run: the next starts from what the one before found."""

from collections.abc import Iterator

from study.execution.callbacks import Callbacks
from study.execution.ray_searcher import TrialStream
from study.execution.trial_sources import ListSource
from tracking.records import Status

from .simulator import FakeRay, World
from .test_ray_searcher import planned as trials
from .test_ray_searcher import world as world


def test_the_next_source_is_asked_for_when_all_trials_of_the_one_before_have_ended(
    world: World,
) -> None:
    first, second, third = trials(world, 3)
    asked: list[Status] = []

    def sources() -> Iterator[ListSource]:
        yield ListSource([first, second])
        asked.extend(world.ledger.trial(trial.id).status for trial in (first, second))
        yield ListSource([third])

    stream = TrialStream(sources(), world.ledger, world.home, 2, Callbacks())
    ray = FakeRay(stream, world.home, workers=2, test=True)
    ray.run()
    assert asked == [Status.COMPLETE, Status.COMPLETE]
    assert ray.trained == [first.id, second.id, third.id]


def test_an_error_between_two_sources_is_kept_for_the_campaign(world: World) -> None:
    (trial,) = trials(world, 1)

    def sources() -> Iterator[ListSource]:
        yield ListSource([trial])
        raise RuntimeError("nothing to compare")

    stream = TrialStream(sources(), world.ledger, world.home, 2, Callbacks())
    FakeRay(stream, world.home, workers=2, test=True).run()
    assert str(stream.error) == "nothing to compare"

"""The decorator and the module-level functions."""

import asyncio
import inspect
import pickle
import threading

import pytest

import carbonsdk as ct
from carbonsdk.errors import SettingsError


@pytest.fixture(autouse=True)
def default_tracker(tmp_path):
    """Every test has a default tracker of its own."""
    ct.stop()
    ct.configure(backends={"replay": {"watts": {"cpu": 100}}}, zone="DE", offline=True, verbose=0, state_dir=tmp_path)
    yield
    ct.stop()


@ct.track_epoch
def module_level(x):
    return x + 1


def test_every_call_of_a_decorated_function_is_an_epoch():
    assert [module_level(x) for x in range(3)] == [1, 2, 3]
    report = ct.current().report()
    assert [(epoch.number, epoch.name) for epoch in report.epochs] == [
        (0, "module_level"),
        (1, "module_level"),
        (2, "module_level"),
    ]


def test_a_decorated_function_keeps_its_name_signature_and_docstring():
    @ct.track_epoch(name="train")
    def train(model: int, *, data: str = "x") -> float:
        """Train."""
        return 1.0

    assert train.__name__ == "train"
    assert train.__doc__ == "Train."
    assert str(inspect.signature(train)) == "(model: int, *, data: str = 'x') -> float"


def test_a_decorated_function_can_be_pickled():
    assert pickle.loads(pickle.dumps(module_level))(1) == 2


def test_the_decorator_takes_a_tracker_and_a_name(tmp_path):
    tracker = ct.CarbonTracker(
        backends={"replay": {"watts": {"cpu": 10}}}, zone="DE", offline=True, verbose=0, state_dir=tmp_path
    )

    @ct.track_epoch(name="fine-tuning", tracker=tracker)
    def train():
        return 7

    assert train() == 7
    assert [epoch.name for epoch in tracker.stop().epochs] == ["fine-tuning"]


def test_a_coroutine_function_is_an_epoch_until_it_returns():
    @ct.track_epoch
    async def train():
        await asyncio.sleep(0)
        return 5

    async def main():
        return await asyncio.gather(train(), train())

    assert inspect.iscoroutinefunction(train)
    assert asyncio.run(main()) == [5, 5]
    assert ct.current().report().epoch_count == 2


def test_an_object_whose_call_is_a_coroutine_is_an_epoch_until_it_returns():
    opened = []

    class Train:
        async def __call__(self, steps):
            opened.append(ct.current().report().epoch_count)
            await asyncio.sleep(0)
            return steps

    assert asyncio.run(ct.track_epoch(Train())(3)) == 3
    assert opened == [0]
    assert ct.current().report().epoch_count == 1


def test_a_generator_is_an_epoch_until_it_ends():
    @ct.track_epoch
    def batches():
        first = yield 0
        second = yield 1
        yield 2
        return [first, second]

    generator = batches()
    assert next(generator) == 0
    assert generator.send("a") == 1
    # Between two steps the consumer's own code is not inside the epoch.
    with ct.span("outside"):
        pass
    assert generator.send("b") == 2
    with pytest.raises(StopIteration) as end:
        generator.send("c")
    assert end.value.value == ["a", "b"]
    report = ct.current().report()
    assert report.epoch_count == 1
    assert [span.name for span in report.spans] == ["outside"]


def test_a_generator_that_is_left_is_partial():
    @ct.track_epoch
    def batches():
        yield from range(3)

    generator = batches()
    next(generator)
    generator.close()
    (epoch,) = ct.current().report().epochs
    assert epoch.partial


def test_a_generator_hears_of_exceptions_thrown_in():
    @ct.track_epoch
    def stubborn():
        try:
            yield 1
        except KeyError:
            yield 2

    generator = stubborn()
    next(generator)
    assert generator.throw(KeyError("x")) == 2


def test_an_async_generator_is_an_epoch_until_it_ends():
    @ct.track_epoch
    async def batches():
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    async def main():
        return [number async for number in batches()]

    assert asyncio.run(main()) == [0, 1, 2]
    assert ct.current().report().epoch_count == 1


def test_what_is_sent_and_thrown_into_an_async_generator_reaches_it():
    @ct.track_epoch
    async def batches():
        sent = yield 0
        try:
            yield sent
        except KeyError:
            yield "caught"

    async def main():
        generator = batches()
        assert await anext(generator) == 0
        assert await generator.asend("a") == "a"
        assert await generator.athrow(KeyError()) == "caught"
        assert await anext(generator, "end") == "end"

    asyncio.run(main())
    (epoch,) = ct.current().report().epochs
    assert not epoch.failed
    assert not epoch.partial


def test_an_async_generator_that_is_closed_leaves_its_epoch_partial_at_once():
    @ct.track_epoch
    async def batches():
        yield 0
        yield 1

    async def main():
        generator = batches()
        await anext(generator)
        await generator.aclose()
        return ct.current().report().epochs

    (epoch,) = asyncio.run(main())
    assert epoch.partial
    assert not epoch.failed
    assert epoch.reason == "the generator was left before it ended"


def test_a_name_in_the_place_of_the_function_is_refused_with_what_to_write():
    with pytest.raises(TypeError, match=r"track_epoch takes a function, not 'warm-up'; .*@track_epoch\(name=…\)"):
        ct.track_epoch("warm-up")


def test_a_class_method_is_decorated_below():
    with pytest.raises(TypeError, match="write @classmethod above @track_epoch"):
        ct.track_epoch(name="train")(classmethod(module_level))


def test_an_exception_is_the_user_s_own_and_the_epoch_failed():
    error = RuntimeError("out of memory")

    @ct.track_epoch
    def train():
        raise error

    with pytest.raises(RuntimeError) as caught:
        train()
    assert caught.value is error
    (epoch,) = ct.current().report().epochs
    assert epoch.failed


def test_one_function_called_at_once_from_eight_threads():
    together = threading.Barrier(8)

    @ct.track_epoch
    def train():
        together.wait()

    threads = [threading.Thread(target=train) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ct.current().report().epoch_count == 8


def test_inside_a_tracker_s_block_the_module_means_that_tracker(tmp_path):
    with ct.CarbonTracker(
        backends={"replay": {"watts": {"cpu": 10}}}, zone="DE", offline=True, verbose=0, state_dir=tmp_path
    ) as tracker:
        assert ct.current() is tracker
        with ct.epoch():
            pass
        seen = []
        thread = threading.Thread(target=lambda: seen.append(ct.current()))
        thread.start()
        thread.join()
        assert seen == [tracker]
    assert tracker.report().epoch_count == 1
    assert ct.current() is not tracker


def test_configure_is_for_before_the_first_epoch():
    with ct.epoch():
        pass
    with pytest.raises(SettingsError, match="at work already"):
        ct.configure(zone="SE")


def test_configure_tells_of_mistakes_at_once():
    with pytest.raises(SettingsError, match="zone"):
        ct.configure(zonne="SE")


def test_after_stop_the_next_epoch_begins_a_new_run():
    with ct.epoch():
        pass
    first = ct.stop()
    with ct.epoch():
        pass
    assert ct.current().run_id != first.run_id


def test_stop_without_a_run_is_nothing():
    assert ct.stop() is None

import time

from tests.unit.training.evaluation import small_versions
from training import data
from training.evaluation import latency


def test_warm_up_is_left_out():
    """The first five calls are slow; no measured one is."""
    calls = []

    def call():
        calls.append(None)
        time.sleep(0.2 if len(calls) <= 5 else 0)

    found = latency.timed("anything", [call])

    assert (60, 65) == (found.runs, len(calls))
    assert found.p95_ms < 100


def test_half_of_the_runs_are_below_the_median_and_one_in_twenty_above_the_95th():
    """Fifty quick calls and ten of 20 ms: the median is quick, the 95th percentile is not."""
    calls = [lambda ms=ms: time.sleep(ms / 1000) for ms in [0, 0, 0, 0, 0, 20]]
    found = latency.timed("anything", calls)

    assert found.median_ms < 15
    assert found.p95_ms >= 20


def test_only_engines_that_can_run_the_model_are_measured(tmp_path):
    """A version without model.tflite has no LiteRT time; decoding always has one."""
    version = small_versions.write_version(tmp_path / "drawn/1")
    examples, _ = data.scan(small_versions.write_data(tmp_path / "data", count=2))
    found = latency.measure(version, [e.path for e in examples], small_versions.SIZE)

    assert ["decode", "saved_model"] == [one.what for one in found]
    assert all(0 < one.median_ms <= one.p95_ms for one in found)

"""Dashboards written for the original find its names."""

from prometheus_client import generate_latest

from model_server.metrics import Metrics


def test_names_in_the_exposition():
    """The text has the original's names, without the suffixes that prometheus_client likes."""
    metrics = Metrics()
    metrics.observe_request("pizza", "GRPC", "OK", 0.002)
    metrics.observe_run("pizza", 0.001)
    metrics.observe_load("/models/pizza/1", "success")
    metrics.observe_warmup("/models/pizza/1", "OK", 0.01)
    metrics.observe_queuing(0.0001)
    text = generate_latest(metrics.registry).decode()
    for line in [
        ':tensorflow:serving:request_count{model_name="pizza",status="OK"} 1.0',
        ':tensorflow:serving:request_latency_count{API="Predict",entrypoint="GRPC",model_name="pizza"} 1.0',
        ':tensorflow:serving:request_latency_sum{API="Predict",entrypoint="GRPC",model_name="pizza"} 2000.0',
        ':tensorflow:serving:runtime_latency_count{API="Predict",model_name="pizza",runtime="TF1"} 1.0',
        ':tensorflow:cc:saved_model:load_attempt_count{model_path="/models/pizza/1",status="success"} 1.0',
        ':tensorflow:serving:model_warmup_latency_count{model_path="/models/pizza/1",status="OK"} 1.0',
        ':tensorflow:serving:batching_session:queuing_latency_count{thread_pool_name="model_server_batch_threads"} 1.0',
    ]:
        assert line in text.splitlines()
    assert "_created" not in text

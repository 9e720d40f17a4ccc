"""A run can be watched in TensorBoard and MLflow; both are the real ones."""

from dataclasses import replace

import mlflow
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.unit.training.test_fit import CONFIG
from training.artefact.drawings import write_folder
from training.train import train


def test_mlflow_and_tensorboard_have_the_run(tmp_path, monkeypatch):
    """Parameters, a loss an epoch, the final figures and the record, in a database that MLflow itself reads back."""
    monkeypatch.chdir(tmp_path)  # MLflow puts files of a database without a server into ./mlruns
    write_folder(tmp_path / "data", CONFIG.labels, 20, 32)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    record = train(replace(CONFIG, epochs=2), tmp_path / "data", tmp_path / "run", mlflow=uri)

    client = mlflow.MlflowClient(uri)
    [run] = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    assert "2" == run.data.params["epochs"]
    assert record["estimate"]["accuracy"]["value"] == run.data.metrics["estimate_accuracy"]
    assert [0, 1] == [point.step for point in client.get_metric_history(run.info.run_id, "loss")]
    assert "FINISHED" == run.info.status
    assert ["run.json"] == [file.path for file in client.list_artifacts(run.info.run_id)]

    curves = EventAccumulator(str(tmp_path / "run/tensorboard/train"))
    curves.Reload()
    assert {"epoch_loss", "epoch_accuracy"} <= set(curves.Tags()["tensors"])


def test_a_server_that_is_not_there_is_one_sentence(tmp_path, monkeypatch):
    """No stack of urllib3 frames, and no minutes of retries."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    write_folder(tmp_path / "data", CONFIG.labels, 20, 32)
    with pytest.raises(ConnectionError, match=r"MLflow at http://127\.0\.0\.1:9"):
        train(CONFIG, tmp_path / "data", tmp_path / "run", mlflow="http://127.0.0.1:9")

"""`make predict` prints a readable table, and says in one line what is wrong."""

from tools import predict


def test_no_picture_is_an_error(capsys):
    """An empty IMAGE says how to name one."""
    assert 1 == predict.main([""])
    assert "make predict IMAGE=" in capsys.readouterr().err


def test_a_missing_file_is_an_error(capsys):
    """A file that is not there is named, without a stack trace."""
    assert 1 == predict.main(["no-such.jpg"])
    assert "error: no-such.jpg: No such file" in capsys.readouterr().err


def test_a_missing_model_is_an_error(capsys, tmp_path):
    """A model that is not there is answered with the list of those that are."""
    (tmp_path / "a.png").write_bytes(b"")
    assert 1 == predict.main([str(tmp_path / "a.png"), "--model", "no-such"])
    assert "there is no model 'no-such'; there are: pizza" in capsys.readouterr().err

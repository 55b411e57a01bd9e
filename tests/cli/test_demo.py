"""`sessioneval demo`: the command; the demo itself has its own tests."""

import pytest

from sessioneval.store.store import Store


@pytest.mark.usefixtures("no_key")
def test_each_demo_gets_a_new_directory(run, tmp_path, monkeypatch):
    """A second look must not change what the first one left."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo-traces").mkdir()
    (tmp_path / "demo-traces-2").mkdir()
    assert run("demo").exit_code == 0
    assert Store.existing(tmp_path / "demo-traces-3").evaluations().num_rows > 0
    assert list((tmp_path / "demo-traces").iterdir()) == []


@pytest.mark.usefixtures("no_key")
def test_a_real_model_needs_a_key(run, tmp_path):
    """Said before anything is traced."""
    result = run("demo", "--model", "real", "--store", tmp_path / "store")
    assert (result.exit_code, result.stderr.startswith("error: ")) == (2, True)
    assert not (tmp_path / "store").exists()

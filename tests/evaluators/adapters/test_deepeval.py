"""A conversational metric of DeepEval runs over sessions; DeepEval has an environment of its own."""

import asyncio
import subprocess
from pathlib import Path

import pytest
from span_factory import table, turns

from sessioneval.errors import InputError
from sessioneval.evaluators.adapters.deepeval import from_deepeval
from sessioneval.store.store import Store
from sessioneval.testing.server import StandIn

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-deepeval" / "bin" / "python"
APP = Path(__file__).parent / "apps" / "deepeval_app.py"


@pytest.mark.skipif(not PYTHON.exists(), reason="DeepEval needs an environment of its own; `make test` makes it")
def test_a_metric_of_theirs_judges_a_session(tmp_path):
    """Its score is between 0 and 1, its threshold gives the label."""
    store = Store(tmp_path / "traces")
    store.append_spans(table(*turns(3, session="s1")))
    with StandIn() as server:
        subprocess.run(
            [str(PYTHON), str(APP), str(store.path), server.base_url],
            check=True,
            timeout=300,
            env={"DEEPEVAL_TELEMETRY_OPT_OUT": "YES", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            cwd=tmp_path,
        )
    (row,) = store.evaluations().to_pylist()
    assert (row["name"], row["status"], row["annotator_kind"]) == ("knowledge_retention", "evaluated", "LLM"), row
    assert row["model"].startswith("gpt-4o-mini")
    assert row["label"] == ("passed" if row["score"] >= 0.5 else "failed")
    assert 0 <= row["score"] <= 1


class Metric:
    """What a metric of theirs looks like from outside."""

    threshold = 0.5

    def a_measure(self, case):
        """Never called here."""

    def is_successful(self):
        """Never called here."""


def test_without_deepeval_the_row_says_what_is_missing(transcript):
    """The metric came from somewhere, yet the import may fail where the run happens."""
    evaluation = asyncio.run(from_deepeval(Metric()).evaluate(transcript))
    assert (evaluation.name, evaluation.status, evaluation.reason) == ("metric", "failed", "MissingExtra")
    assert "pip install deepeval" in evaluation.error


def test_what_is_no_metric_is_refused():
    """A class instead of an instance, or a metric of another library."""
    with pytest.raises(InputError, match="no DeepEval metric"):
        from_deepeval(object())

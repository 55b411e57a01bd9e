"""One pair's fate must not touch the others."""

import asyncio

import pytest
from span_factory import assistant, llm, transcript, user

from sessioneval.evaluators.signals.library import SIGNALS
from sessioneval.runs.deciding import Pair, decide
from sessioneval.runs.plan import History
from sessioneval.sessions.due import DueRule
from sessioneval.store.store import Store


class Broken:
    """An evaluator of a user's own that does not keep the promise never to raise."""

    name, identifier, annotator_kind, model, labels = "broken", "1", "CODE", None, {}

    def check(self):
        """Nothing to check."""

    async def evaluate(self, transcript):
        raise KeyError(transcript.session_id)

    async def aclose(self):
        """Nothing to close."""


def no_history(tmp_path):
    return History(Store(tmp_path).evaluations())


def test_evaluator_that_raises_gives_a_failed_row(tmp_path):
    """One bad session never stops the rest."""
    talk = transcript(llm(1, [user("hi")], [assistant("hello")]))
    made = asyncio.run(decide(Pair(talk, Broken()), no_history(tmp_path), DueRule()))
    assert (made.origin, made.evaluation.status, made.evaluation.reason) == ("new", "failed", "KeyError")
    assert made.evaluation.session_id == talk.session_id
    assert made.evaluation.score is None


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: getattr(signal, "name", str(signal)))
def test_built_in_signals_decide(tmp_path, signal):
    """A signal costs nothing and always has an answer for a talk."""
    evaluator = SIGNALS[signal] if isinstance(SIGNALS, dict) else signal
    talk = transcript(llm(1, [user("hi")], [assistant("hello")]))
    made = asyncio.run(decide(Pair(talk, evaluator), no_history(tmp_path), DueRule()))
    assert made.evaluation.status in ("evaluated", "skipped")

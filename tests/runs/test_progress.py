"""The counts that a person watches while money is spent."""

from collections import Counter

from sessioneval.model.evaluation import Evaluation, Usage
from sessioneval.runs.deciding import Decision
from sessioneval.runs.progress import Progress, Tally


def new(evaluation):
    return Decision(evaluation=evaluation, origin="new")


ONE_CALL = Usage(calls=1, input_tokens=10, cached_tokens=4, output_tokens=2)


def test_decisions_are_counted_by_status_label_and_reason():
    """The table at the end is made of these."""
    tally = Tally(n_sessions=4, planned=3, reused=5)
    tally.finish(new(Evaluation(name="coherence", label="coherent", usage=ONE_CALL)))
    tally.finish(new(Evaluation(name="coherence", label="coherent", usage=ONE_CALL)))
    tally.finish(new(Evaluation(name="coherence", status="failed", reason="JudgeRefused", usage=ONE_CALL)))
    tally.add(Evaluation(name="coherence", status="skipped", reason="not_idle"))
    tally.skip(Counter(not_idle=2, not_sampled=1))
    assert tally.progress() == Progress(
        n_sessions=4,
        planned=3,
        done=3,
        evaluated=2,
        failed=1,
        skipped=4,
        reused=5,
        labels=Counter({("coherence", "coherent"): 2}),
        failures=Counter({("coherence", "JudgeRefused"): 1}),
        skip_reasons=Counter(not_idle=3, not_sampled=1),
        usage=Usage(calls=3, input_tokens=30, cached_tokens=12, output_tokens=6),
    )


def test_judgements_carried_over_are_reused_and_repeated_skips_are_skips():
    """Neither is a new judgement, and the bar still reaches its end."""
    tally = Tally(n_sessions=1, planned=3, reused=0)
    tally.finish(Decision(evaluation=Evaluation(name="coherence", label="coherent"), origin="carried"))
    skipped = Evaluation(name="coherence", status="skipped", reason="no_messages")
    tally.finish(Decision(evaluation=skipped, origin="repeated"))
    tally.finish(new(Evaluation(name="coherence", label="coherent")))
    made = tally.progress()
    assert (made.planned, made.done, made.reused, made.skipped, made.evaluated) == (3, 3, 1, 1, 1)


def test_progress_is_a_snapshot():
    """A display keeps the last one while the run goes on in another thread."""
    tally = Tally(n_sessions=1, planned=2, reused=0)
    before = tally.progress()
    tally.finish(new(Evaluation(name="coherence", label="coherent")))
    assert (before.done, before.labels) == (0, Counter())
    assert tally.progress().done == 1

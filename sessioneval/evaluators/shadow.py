"""`shadow_comparison`: for each turn, which of two answers was better, the served one or its shadow.

A shadow is an alternate answer to the same user message that was made beside the served one and shown to nobody.
It did not steer the conversation, so only the turn is compared, with what was said before it; what a whole session
with the other agent would have been like, nobody can tell from it.

Sources: Reflexio's shadow responses; both orders and an order flip as a tie as in MT-Bench (arXiv 2306.05685).
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Unpack

from sessioneval.evaluators.base import evaluation_of
from sessioneval.evaluators.channel import Channel
from sessioneval.evaluators.derived import derived_rubric
from sessioneval.evaluators.fingerprint import fingerprint
from sessioneval.evaluators.judge import Judge, JudgeOptions
from sessioneval.evaluators.shadowed_turns import ShadowedTurn, shadowed_turns
from sessioneval.model.context import SessionContext
from sessioneval.model.evaluation import AnnotatorKind, Evaluation, Usage
from sessioneval.model.transcript import Transcript

NAME = "shadow_comparison"
_FIRST, _SECOND = "response_a", "response_b"
_LABELS = {"served": 1.0, "tie": 0.5, "shadow": 0.0}
_VERSION = "2"


class ShadowComparison:
    """The evaluator; made by `shadow_comparison`."""

    annotator_kind: AnnotatorKind = "LLM"
    name = NAME
    labels: Mapping[str, float] = _LABELS
    needs_context = True

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    @property
    def model(self) -> str:
        """The judge's model."""
        return self._judge.model

    @property
    def prefix_key(self) -> str:
        """Its own: each turn is another beginning of the session."""
        return self.identifier

    @cached_property
    def identifier(self) -> str:
        """Fingerprint of the judge and of how turns are counted."""
        return fingerprint({"judge": self._judge.identifier, "version": _VERSION})

    def __repr__(self) -> str:
        return f"ShadowComparison(model={self.model!r})"

    def through(self, channel: Channel) -> "ShadowComparison":
        """Return the evaluator with its judge bound to a channel."""
        return ShadowComparison(self._judge.through(channel))

    def again(self, number: int) -> "ShadowComparison":
        """Return the evaluator as another vote (see `Judge.again`)."""
        return ShadowComparison(self._judge.again(number))

    def check(self) -> None:
        """Validate without any call; raises `InputError`."""
        self._judge.check()

    async def aclose(self) -> None:
        """Release the judge's connections."""
        await self._judge.aclose()

    async def evaluate(self, transcript: Transcript) -> Evaluation:
        """Return the session's verdict; skipped where no turn has a shadow, failed where a turn could not be judged."""
        turns = list(shadowed_turns(transcript))
        if not turns:
            return evaluation_of(self, transcript, status="skipped", reason="no_shadow")
        votes = await asyncio.gather(
            *(self._judge.evaluate(shown) for turn in turns for shown in _orders(transcript, turn))
        )
        spent = {"usage": sum((vote.usage for vote in votes), Usage())}
        failed = next((vote for vote in votes if vote.status != "evaluated"), None)
        if failed is not None:
            why = {"status": failed.status, "reason": failed.reason, "error": failed.error}
            return evaluation_of(self, transcript, **why, **spent)
        pairs = zip(votes[::2], votes[1::2], strict=True)
        verdicts = [_verdict(turn, *pair) for turn, pair in zip(turns, pairs, strict=True)]
        return evaluation_of(self, transcript, **_decided(verdicts), **spent, n_windows=1)


def shadow_comparison(*, model: str, **options: Unpack[JudgeOptions]) -> ShadowComparison:
    """Return the evaluator.

    Labels are ``served``, ``shadow`` and ``tie``: which of them won more turns of the session. Fields: ``n_served``,
    ``n_shadow``, ``n_tie``, and ``turns``: for each turn ``{"span_id", "message_index", "verdict", "reason"}``. A turn
    on which the judge changes its mind with the order of the two is a tie. Sessions without a shadow are skipped
    with the reason ``no_shadow``.

    Args:
        model: The model that judges.
        options: Further arguments of `Judge`.
    """
    # The two answers are the references; a table of other ones is for other judges of the run.
    options["reference"] = None
    return ShadowComparison(Judge(derived_rubric(NAME), model=model, **options))


def _orders(transcript: Transcript, turn: ShadowedTurn) -> tuple[Transcript, Transcript]:
    """Return the conversation up to the turn with the two answers beside it, in both orders."""
    before = transcript.messages[: turn.message_index]

    def shown(first: str, second: str) -> Transcript:
        context = SessionContext(attributes={_FIRST: first, _SECOND: second})
        return replace(transcript, messages=before, context=context)

    return shown(turn.served, turn.shadow), shown(turn.shadow, turn.served)


def _verdict(turn: ShadowedTurn, served_first: Evaluation, shadow_first: Evaluation) -> dict[str, Any]:
    names = {(_FIRST, _SECOND): "served", (_SECOND, _FIRST): "shadow"}
    return {
        "span_id": turn.span_id,
        "message_index": turn.message_index,
        "verdict": names.get((served_first.label or "", shadow_first.label or ""), "tie"),
        "reason": served_first.explanation,
    }


def _decided(verdicts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    counts = Counter(verdict["verdict"] for verdict in verdicts)
    lead = counts["served"] - counts["shadow"]
    label = "served" if lead > 0 else "shadow" if lead < 0 else "tie"
    return {
        "label": label,
        "score": _LABELS[label],
        "explanation": f"Of {len(verdicts)} turns the served answer won {counts['served']}, its shadow {counts['shadow']}.",
        "fields": {**{f"n_{name}": counts[name] for name in _LABELS}, "turns": list(verdicts)},
    }

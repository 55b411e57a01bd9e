"""Several votes and one verdict: the same judge more than once, judges of several models, and escalation.

Sources: a majority of repeated judgements as in "The Coin Flip Judge?" (arXiv 2606.13685), panels of several
models as in PoLL (arXiv 2404.18796), a strong judge only where cheap ones are unsure as in "Trust or Escalate"
(arXiv 2407.18370).
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Protocol, Self, runtime_checkable

from sessioneval.errors import InputError
from sessioneval.evaluators.base import Evaluator, evaluation_of
from sessioneval.evaluators.channel import Channel
from sessioneval.evaluators.fingerprint import fingerprint
from sessioneval.evaluators.rubric import UNSURE
from sessioneval.model.evaluation import AnnotatorKind, Evaluation, Evidence, Finding
from sessioneval.model.transcript import Transcript

DEFAULT_MIN_CONFIDENCE = 0.7
_RULE_VERSION = "1"


@runtime_checkable
class Voter(Evaluator, Protocol):
    """A judge that can be asked more than once."""

    @property
    def model(self) -> str:
        """The judge's model."""

    @property
    def prefix_key(self) -> str:
        """Equal for judges whose prompts about a session begin alike."""

    @property
    def needs_context(self) -> bool:
        """Whether it reads more than the transcript."""

    def through(self, channel: Channel) -> Self:
        """Return the judge bound to a channel."""

    def again(self, number: int) -> Self:
        """Return the judge as another vote."""


class Panel:
    """Asks its judges and lets the majority decide; a tie is ``unsure``.

    Each vote is a row of its own, with `Evaluation.vote_of` set, and carries what it cost; the verdict costs nothing.

    Args:
        judges: Two or more of one question: other models, or the same one again (`Judge.again`).
        escalation: Asked where the judges disagree, are unsure, or say that they are less confident than
            `min_confidence`; its vote decides then.
        min_confidence: From 0 to 1.

    Raises:
        InputError: There are fewer than two votes to be had, or the judges are not of one rubric or not distinct.
    """

    annotator_kind: AnnotatorKind = "LLM"

    def __init__(
        self,
        judges: Sequence[Voter],
        *,
        escalation: Voter | None = None,
        min_confidence: float = DEFAULT_MIN_CONFIDENCE,
    ) -> None:
        self._judges = tuple(judges)
        self._escalation = escalation
        self._min_confidence = min_confidence
        self._all = self._judges if escalation is None else (*self._judges, escalation)
        _check(self._all, min_confidence)
        self.name = self._all[0].name
        self.labels: Mapping[str, float] = self._all[0].labels
        self.models = tuple(dict.fromkeys(judge.model for judge in self._all))
        self.model = ", ".join(self.models)
        self.needs_context = any(judge.needs_context for judge in self._all)
        self.identifier = fingerprint(
            {
                "judges": sorted(judge.identifier for judge in self._judges),
                "escalation": None if escalation is None else escalation.identifier,
                "min_confidence": min_confidence,
                "rule": _RULE_VERSION,
            }
        )

    def __repr__(self) -> str:
        return f"Panel({self.name!r}, judges={len(self._judges)}, model={self.model!r})"

    @property
    def prefix_key(self) -> str:
        """That of the first judge: whoever shares it may follow."""
        return self._judges[0].prefix_key

    def through(self, channel: Channel) -> "Panel":
        """Return the panel with all its judges bound to a channel."""
        return Panel(
            [judge.through(channel) for judge in self._judges],
            escalation=None if self._escalation is None else self._escalation.through(channel),
            min_confidence=self._min_confidence,
        )

    def check(self) -> None:
        """Validate every judge without any call; raises `InputError`."""
        for judge in self._all:
            judge.check()

    async def aclose(self) -> None:
        """Release the judges' connections."""
        for judge in self._all:
            await judge.aclose()

    async def evaluate(self, transcript: Transcript) -> Evaluation:
        """Return the verdict with its votes; failed where no judge gave a usable vote."""
        # The first vote writes the prompt into the provider's cache for those that follow.
        first = await self._judges[0].evaluate(transcript)
        votes = [first, *await asyncio.gather(*(judge.evaluate(transcript) for judge in self._judges[1:]))]
        if self._escalation is not None and _is_doubtful(votes, self._min_confidence):
            decisive = await self._escalation.evaluate(transcript)
            return self._verdict(transcript, [*votes, decisive], [decisive])
        return self._verdict(transcript, votes, votes)

    def _verdict(
        self, transcript: Transcript, votes: Sequence[Evaluation], decisive: Sequence[Evaluation]
    ) -> Evaluation:
        """Return the row of the verdict."""
        return evaluation_of(
            self,
            transcript,
            **_decided(decisive, self.labels),
            n_windows=max(vote.n_windows for vote in votes),
            n_chars_cut=max(vote.n_chars_cut for vote in votes),
            duration_seconds=max(vote.duration_seconds for vote in votes),
            metadata=_counts(votes, decisive),
            votes=tuple(replace(vote, vote_of=self.identifier) for vote in votes),
        )


def flip_rate(labels: Sequence[str]) -> float | None:
    """Return the share of pairs of votes that disagree; None for fewer than two votes.

    Example:
        >>> flip_rate(["pass", "pass", "fail"])
        0.6666666666666666
    """
    pairs = list(combinations(labels, 2))
    return sum(one != other for one, other in pairs) / len(pairs) if pairs else None


def _check(judges: Sequence[Voter], min_confidence: float) -> None:
    if len(judges) < 2:  # noqa: PLR2004 - what several means
        raise InputError(f"a panel of {len(judges)} has no majority; give two judges or more, or one and an escalation")
    if len({(judge.name, tuple(judge.labels.items())) for judge in judges}) > 1:
        names = ", ".join(dict.fromkeys(repr(judge.name) for judge in judges))
        raise InputError(f"the judges of a panel answer one question; these have other names or labels: {names}")
    if len({judge.identifier for judge in judges}) < len(judges):
        raise InputError("two judges of the panel are the same, so they are one vote; use Judge.again for repeats")
    if not 0 <= min_confidence <= 1:
        raise InputError(f"min_confidence is {min_confidence!r}; give a number from 0 to 1")


def _is_doubtful(votes: Iterable[Evaluation], min_confidence: float) -> bool:
    """Say whether votes differ, one is missing or unsure, or one is not confident; no confidence is no doubt."""
    labels = {vote.label for vote in votes}
    confidences = [vote.confidence for vote in votes if vote.confidence is not None]
    is_one = len(labels) == 1 and labels.isdisjoint({None, UNSURE})
    return not is_one or any(confidence < min_confidence for confidence in confidences)


def _decided(votes: Sequence[Evaluation], labels: Mapping[str, float]) -> dict[str, Any]:
    """Return what the majority of `votes` says, or why there is none."""
    usable = [vote for vote in votes if vote.status == "evaluated" and vote.label is not None]
    if not usable:
        return {"status": votes[0].status, "reason": votes[0].reason, "error": votes[0].error}
    label = _majority(usable)
    agreeing = [vote for vote in usable if vote.label == label]
    speaking = (agreeing or usable)[0]
    return {
        "label": label,
        "score": labels.get(label),
        "explanation": speaking.explanation,
        "fields": speaking.fields if agreeing else {},
        "confidence": _mean([vote.confidence for vote in agreeing if vote.confidence is not None]),
        "evidence": _distinct_evidence(agreeing),
        "findings": _distinct_findings(usable),
        "is_unsupported": any(vote.is_unsupported for vote in agreeing),
        "is_flagged": any(vote.is_flagged for vote in usable),
        "is_injection_suspected": any(vote.is_injection_suspected for vote in usable),
    }


def _majority(votes: Iterable[Evaluation]) -> str:
    """Return the label with most votes; ``unsure`` where two have as many."""
    counts = Counter(vote.label or UNSURE for vote in votes).most_common()
    is_tie = len(counts) > 1 and counts[0][1] == counts[1][1]
    return UNSURE if is_tie else counts[0][0]


def _counts(votes: Sequence[Evaluation], decisive: Sequence[Evaluation]) -> dict[str, Any]:
    labels = [vote.label for vote in votes if vote.status == "evaluated" and vote.label is not None]
    return {
        "votes": dict(Counter(labels)),
        "n_votes_failed": sum(vote.status == "failed" for vote in votes),
        "flip_rate": flip_rate(labels),
        "is_escalated": len(decisive) < len(votes),
    }


def _mean(numbers: Sequence[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None


def _distinct_evidence(votes: Iterable[Evaluation]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(evidence for vote in votes for evidence in vote.evidence))


def _distinct_findings(votes: Iterable[Evaluation]) -> tuple[Finding, ...]:
    return tuple(dict.fromkeys(finding for vote in votes for finding in vote.findings))

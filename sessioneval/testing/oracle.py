"""A judge whose errors are known: it looks the truth up and errs as often as it is told to.

With it a whole pipeline can be checked against known answers: a corrected rate has to find the true one, a comparison
must not be taken in by leniency to one cohort, a panel has to gain as much as its votes are independent.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sessioneval.errors import InputError
from sessioneval.testing.answer import Answer
from sessioneval.testing.chat_request import ChatRequest
from sessioneval.testing.faults import drawn_share
from sessioneval.testing.judge_prompt import JudgePrompt, judge_prompt
from sessioneval.testing.rules import answer as answer_by_rules
from sessioneval.testing.verdict import Verdict, in_shape, verdict_values

UNSURE = "unsure"
UNKNOWN_SESSION = "oracle-unknown"
"""The kind of an answer for a session without a truth; `stats["by_kind"]` counts them."""
ANY = "*"
RepeatsBy = Literal["seed", "asked"]
_CHARACTERS_PER_BIAS = 1000
_START_CHARACTERS = 200


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is true of one session.

    Attributes:
        labels: Evaluator to its right label.
        cohort: Which cohort it belongs to, for leniency.
        findings: Defects that the oracle reports beside the label, as the answer's schema has them.
    """

    labels: Mapping[str, str]
    cohort: str = ""
    findings: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How one evaluator errs. All but the first are shares from 0 to 1, or are added to one.

    Attributes:
        positive: The label that counts as positive; the first of the question where it is empty.
        sensitivity: Share of the truly positive sessions that are labelled so.
        specificity: Share of the truly negative sessions that are labelled so.
        abstention: Share answered by ``unsure``.
        negative_abstention: The same among the truly negative ones, where it differs.
        leniency: Cohort to what is added to the chance of a positive label.
        length_bias: What is added to that chance for every 1,000 characters of the transcript.
        flip_rate: Share of repeats whose label is the other one than that of the first time.
    """

    positive: str = ""
    sensitivity: float = 1.0
    specificity: float = 1.0
    abstention: float = 0.0
    negative_abstention: float | None = None
    leniency: Mapping[str, float] = field(default_factory=dict)
    length_bias: float = 0.0
    flip_rate: float = 0.0

    def __post_init__(self) -> None:
        """Check the shares.

        Raises:
            InputError: One is outside 0..1.
        """
        for name in ("sensitivity", "specificity", "abstention", "negative_abstention", "flip_rate"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise InputError(f"{name} {share!r} is not allowed: use a share between 0 and 1")

    def chance(self, truth: Truth, *, is_positive: bool, n_characters: int) -> float:
        """Return the chance of a positive label.

        Example:
            >>> noise = Noise(sensitivity=0.9, leniency={"b": 0.05})
            >>> noise.chance(Truth(labels={}, cohort="b"), is_positive=True, n_characters=0)
            0.95
        """
        base = self.sensitivity if is_positive else 1 - self.specificity
        bias = self.length_bias * n_characters / _CHARACTERS_PER_BIAS
        return round(min(1.0, max(0.0, base + self.leniency.get(truth.cohort, 0.0) + bias)), 12)

    def abstains(self, drawn: float, *, is_positive: bool) -> bool:
        """Whether the answer is ``unsure``."""
        negative = self.abstention if self.negative_abstention is None else self.negative_abstention
        return drawn < (self.abstention if is_positive else negative)


class NoisyOracle:
    """Answers judges with the truth and a known error; takes the place of the rules in `StandIn(answerer=...)`.

    The session is found by its first user message, so these have to differ. Everything is drawn from the seed, the
    session, the evaluator and the model: the same question gets the same answer, and models err independently. Other
    requests than judges' are answered by the rules.

    Args:
        truths: First user message to what is true of its session.
        noise: How evaluators err, by name; ``*`` stands for all others. One `Noise` for all.
        seed: Another seed makes other errors at the same rates.
        repeats_by: What tells a repeat from the first time: ``seed``, the request's sampling seed if it is neither 0
            nor left out; or ``asked``, that the question was asked before.

    Raises:
        InputError: Two first user messages differ only in white space.

    Example:
        >>> oracle = NoisyOracle({"Hello?": Truth(labels={"coherence": "coherent"})}, Noise(sensitivity=0.9), seed=7)
    """

    def __init__(
        self,
        truths: Mapping[str, Truth],
        noise: Noise | Mapping[str, Noise] | None = None,
        *,
        seed: int = 0,
        repeats_by: RepeatsBy = "seed",
    ) -> None:
        self._truths = {session_key(text): truth for text, truth in truths.items()}
        if len(self._truths) < len(truths):
            raise InputError("two first user messages differ only in white space: the oracle could not tell them apart")
        starts = Counter(map(_start, truths))
        self._by_start = {_start(text): session_key(text) for text in truths if starts[_start(text)] == 1}
        self._noise = noise if isinstance(noise, Mapping) else {ANY: noise or Noise()}
        self._seed = seed
        self._repeats_by = repeats_by
        self._asked: Counter[tuple[str, ...]] = Counter()

    def __call__(self, request: ChatRequest) -> Answer:
        """Return the answer."""
        prompt = judge_prompt(request)
        if not prompt:
            return answer_by_rules(request)
        first = _first_user_message(prompt)
        key = session_key(first) if session_key(first) in self._truths else self._by_start.get(_start(first), "")
        truth = self._truths.get(key)
        if truth is None or prompt.evaluator not in truth.labels:
            verdict = Verdict(label=UNSURE, explanation="The oracle has no truth for this session.", confidence=0.0)
            return in_shape(request, UNKNOWN_SESSION, verdict_values(verdict, prompt))
        verdict = self._verdict(prompt, truth, key, request)
        return in_shape(request, "oracle", verdict_values(verdict, prompt))

    def _verdict(self, prompt: JudgePrompt, truth: Truth, key: str, request: ChatRequest) -> Verdict:
        noise = self._noise.get(prompt.evaluator) or self._noise.get(ANY) or Noise()
        right, question = truth.labels[prompt.evaluator], (key, prompt.evaluator, request.model)
        positive = noise.positive or next(iter(prompt.labels), right)
        is_positive = right == positive
        explanation = "The oracle knows the truth and errs as it was told to."
        if noise.abstains(self._drawn("abstain", *question), is_positive=is_positive):
            return Verdict(label=UNSURE, explanation=explanation, confidence=0.5, findings=truth.findings)
        drawn = self._drawn("label", *question)
        chance = noise.chance(truth, is_positive=is_positive, n_characters=_n_characters(prompt))
        says_positive = (drawn < chance) != self._flips(noise, question, request.seed)
        label = positive if says_positive else _negative(right, positive, prompt.labels, drawn)
        confidence = round(0.5 + abs(drawn - chance) / 2, 3)
        return Verdict(label=label, explanation=explanation, confidence=confidence, findings=truth.findings)

    def _flips(self, noise: Noise, question: tuple[str, ...], sampling_seed: str) -> bool:
        self._asked[question] += 1
        first = self._asked[question] == 1 if self._repeats_by == "asked" else sampling_seed in ("", "0")
        repeat = self._asked[question] if self._repeats_by == "asked" else sampling_seed
        return not first and self._drawn("flip", *question, repeat) < noise.flip_rate

    def _drawn(self, *key: object) -> float:
        return drawn_share(self._seed, *key)


def session_key(first_user_message: str) -> str:
    r"""Return 16 hex digits by which a session is found; white space does not count.

    Example:
        >>> session_key("Hello,\n you") == session_key(" Hello, you")
        True
    """
    text = " ".join(first_user_message.split())
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _start(text: str) -> str:
    """Return what a later window of a long session shows of the first message at the least."""
    return " ".join(text.split())[:_START_CHARACTERS]


def _first_user_message(prompt: JudgePrompt) -> str:
    return prompt.opening or next((message.text for message in prompt.of_role("user")), "")


def _n_characters(prompt: JudgePrompt) -> int:
    return sum(len(message.text) for message in prompt.messages)


def _negative(right: str, positive: str, labels: tuple[str, ...], drawn: float) -> str:
    """Return the right label if it is a negative one, else one of the others."""
    others = [label for label in labels if label not in (positive, UNSURE)]
    if right != positive or not others:
        return right if right != positive else UNSURE
    return others[int(drawn * len(others)) % len(others)]

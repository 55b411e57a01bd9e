"""What a judge answered: from the body of a chat completion to one of the rubric's labels.

Everything here is hostile input: the body may be anything, and its text is written by a model that
read a transcript. What is not exactly an answer is a problem in words, never a guess.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from sessioneval.evaluators.answer_parts import AnswerParts, read_parts
from sessioneval.evaluators.answer_text import json_object
from sessioneval.evaluators.base import storable
from sessioneval.evaluators.rubric import UNSURE, Rubric
from sessioneval.model.evaluation import Usage
from sessioneval.model.transcript import Transcript

_MAX_INTEGER = 2**63 - 1
_MAX_ANSWER_CHARS = 200_000


@dataclass(frozen=True, kw_only=True)
class Completion:
    """The parts of a chat completion that matter here; empty where the server sent something else."""

    text: str = ""
    refusal: str = ""
    finish_reason: str = ""
    response_model: str = ""
    usage: Usage = field(default_factory=lambda: Usage(calls=1))

    def scrubbed(self, scrub: Callable[[str], str]) -> Self:
        """Return the completion with every text of it changed by `scrub`, which cuts secrets out."""
        names = ("text", "refusal", "finish_reason", "response_model")
        texts: dict[str, Any] = {name: scrub(getattr(self, name)) for name in names}
        return replace(self, **texts)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A usable answer.

    Attributes:
        label: One of the rubric's, in the rubric's spelling, or ``unsure``.
        score: The rubric's score of the label; None for ``unsure``.
        reasoning: Why.
        parts: Everything else that was answered, as far as it holds.
    """

    label: str
    score: float | None
    reasoning: str
    parts: AnswerParts = field(default_factory=AnswerParts)

    @property
    def decided(self) -> dict[str, Any]:
        """The fields of an evaluation that follow from the answer."""
        parts = self.parts
        return {
            "label": self.label,
            "score": self.score,
            "explanation": self.reasoning,
            "confidence": parts.confidence,
            "evidence": parts.evidence,
            "findings": parts.findings,
            "fields": dict(parts.fields),
            "is_unsupported": parts.is_unsupported,
            "is_flagged": any(finding.severity == "high" for finding in parts.findings),
        }


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why an answer cannot be used, as a sentence without its full stop.

    Attributes:
        text: For people; may quote the answer.
        to_judge: For the judge that is asked again: no word of the answer, which may repeat what a transcript told it.
    """

    text: str
    to_judge: str = ""

    @property
    def complaint(self) -> str:
        """What the judge is told."""
        return self.to_judge or self.text


def read_completion(body: bytes) -> Completion:
    """Return the completion in the body of a response; anything malformed is left empty."""
    try:
        payload = _object(json.loads(body))
    except (ValueError, RecursionError):
        return Completion(text=body[:_MAX_ANSWER_CHARS].decode("utf-8", "replace"))
    choices = payload.get("choices")
    choice = _object(choices[0]) if isinstance(choices, list) and choices else {}
    message = _object(choice.get("message"))
    return Completion(
        text=_called(message) or _text(message.get("content")),
        refusal=_text(message.get("refusal")),
        finish_reason=_text(choice.get("finish_reason")),
        response_model=storable(_text(payload.get("model")), 200),
        usage=_usage(_object(payload.get("usage"))),
    )


def _called(message: dict[str, Any]) -> str:
    """Return the arguments of the first function that was called: where a schema is refused, they are the answer.

    A text by OpenAI's API reference; some servers send the object itself.
    """
    calls = message.get("tool_calls")
    function = _object(_object(calls[0]).get("function")) if isinstance(calls, list) and calls else {}
    arguments = function.get("arguments")
    return json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments)


def read_answer(
    completion: Completion, rubric: Rubric, transcript: Transcript, n_user_messages: int | None = None
) -> Answer | Problem:
    """Return the answer in a completion, or what is wrong with it.

    Label and reasoning must be there and the label must be the rubric's; of the rest only what holds is kept,
    and what was dropped is counted (see `read_parts`).

    Args:
        completion: What came back.
        rubric: What was asked.
        transcript: What quotes and message numbers are checked against.
        n_user_messages: How many user messages the judge was shown; by default all of the transcript's.
    """
    if completion.refusal:
        return Problem(text=f"the model refused: {_shown(completion.refusal)}", to_judge="it is a refusal")
    problem = _outer_problem(completion)
    if problem:
        return Problem(text=problem)
    found = json_object(completion.text)
    if found is None:
        not_json = "it is not one JSON object"
        return Problem(text=f"{not_json}: {_shown(completion.text)}", to_judge=not_json)
    label, reasoning = found.get("label"), found.get("reasoning", found.get("explanation"))
    if not isinstance(label, str) or not isinstance(reasoning, str):
        return Problem(text="it needs the two texts 'reasoning' and 'label'")
    known = rubric.scores_of(label)
    if known is None:
        allowed = ", ".join(map(repr, dict.fromkeys([*rubric.labels, UNSURE])))
        return Problem(
            text=f"label {_shown(label)} is not one of {allowed}", to_judge=f"its label is not one of {allowed}"
        )
    expected = transcript.n_turns if n_user_messages is None else n_user_messages
    parts = read_parts(found, rubric.checklist, transcript, expected)
    return Answer(label=known[0], score=known[1], reasoning=storable(reasoning.strip()), parts=parts)


def _outer_problem(completion: Completion) -> str | None:
    if completion.finish_reason == "content_filter":
        return "the provider's content filter stopped it"
    if completion.finish_reason == "length":
        return "it was cut off at the token limit"
    if not completion.text.strip():
        return "it is empty"
    if len(completion.text) > _MAX_ANSWER_CHARS:
        return f"it has {len(completion.text)} characters; allowed are {_MAX_ANSWER_CHARS}"
    return None


def _usage(usage: dict[str, Any]) -> Usage:
    """Return the tokens by kind.

    Sources: OpenAI's CompletionUsage; beside it LiteLLM's and Anthropic's names for tokens written to the cache or read
    from it, and DeepSeek's for those read.
    """
    prompt = _object(usage.get("prompt_tokens_details"))
    answer = _object(usage.get("completion_tokens_details"))
    return Usage(
        calls=1,
        input_tokens=_count(usage, "prompt_tokens"),
        cached_tokens=_count(prompt, "cached_tokens")
        or _count(usage, "cache_read_input_tokens", "prompt_cache_hit_tokens"),
        cache_write_tokens=_count(prompt, "cache_write_tokens", "cache_creation_tokens")
        or _count(usage, "cache_creation_input_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        reasoning_tokens=_count(answer, "reasoning_tokens"),
    )


def _count(counts: Mapping[str, Any], *names: str) -> int:
    """Return the first count by one of the names that a 64-bit column can hold; 0 without one."""
    for name in names:
        value = counts.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MAX_INTEGER:
            return value
    return 0


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """Return a text, or the texts of a list of parts, joined."""
    if isinstance(value, list):
        return "".join(_text(_object(part).get("text")) for part in value)
    return value if isinstance(value, str) else ""


def _shown(text: str, max_chars: int = 200) -> str:
    return repr(storable(text.strip(), max_chars))

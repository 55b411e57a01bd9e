"""A judge's verdict, and the answer it becomes in whatever shape the request asks for."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sessioneval.testing.answer import Answer
from sessioneval.testing.chat_request import ChatRequest
from sessioneval.testing.judge_prompt import FencedMessage, JudgePrompt, find_fence, find_question
from sessioneval.testing.schema_values import fill
from sessioneval.testing.support import called_with

QUOTE_CHARS = 200
LEAST_QUOTE_CHARS = 12
_NAMED_MESSAGE = re.compile(r"\b[Mm]essage (\d{1,9})\b")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is answered.

    Attributes:
        label: The label.
        explanation: The rule that led to it, or what else did.
        confidence: From 0 to 1.
        findings: Defects that are reported beside the label, as the answer's schema has them.
    """

    label: str
    explanation: str
    confidence: float = 0.9
    findings: tuple[Mapping[str, Any], ...] = ()


def verdict_values(verdict: Verdict, prompt: JudgePrompt) -> dict[str, Any]:
    """Return the verdict as every field that an answer's schema may ask for, the label behind its reasons."""
    return {
        "n_user_messages": len(prompt.of_role("user")),
        "evidence": list(_evidence(verdict, prompt)),
        "findings": [dict(finding) for finding in verdict.findings],
        "answers": [
            {"item": item.id, "answer": item.answers[0], "reason": "The stand-in answers the first."}
            for item in prompt.checklist
            if item.answers
        ],
        "explanation": verdict.explanation,
        "reasoning": verdict.explanation,
        "label": verdict.label,
        "confidence": verdict.confidence,
    }


def in_shape(request: ChatRequest, kind: str, values: dict[str, Any]) -> Answer:
    """Return the fields as the arguments of the tool that must be called, else as JSON by the request's schema."""
    if request.must_call:
        return called_with(request, kind, values)
    return Answer(kind=kind, text=json.dumps(fill(request.schema, values)))


def first_label(request: ChatRequest) -> Answer:
    """Return the first label of the question, in the shape that is asked for; of the transcript only users are counted."""
    question, fence = find_question(request), find_fence(request)
    label = question.labels[0] if question and question.labels else "unknown"
    verdict = Verdict(label=label, explanation="The stand-in answers every transcript like this.")
    prompt = JudgePrompt(evaluator="", labels=(), messages=(), checklist=question.checklist if question else ())
    values = verdict_values(verdict, prompt) | {"n_user_messages": fence.n_user_messages if fence else 0}
    return in_shape(request, "judge", values)


def _evidence(verdict: Verdict, prompt: JudgePrompt) -> Iterator[dict[str, Any]]:
    """Yield one quote, letter by letter, from the message that the explanation names, else from the first long enough."""
    named = [int(number) for number in _NAMED_MESSAGE.findall(verdict.explanation)]
    quotes = [(message.index, quote) for message in prompt.messages if (quote := _quote(message))]
    quotes.sort(key=lambda found: found[0] not in named)
    for index, quote in quotes[:1]:
        yield {"message": index, "quote": quote}


def _quote(message: FencedMessage) -> str:
    # Within one line: where a text was shortened for the judge, a new line begins.
    if message.role.startswith("call"):
        return ""
    lines = (line.strip()[:QUOTE_CHARS] for line in message.text.split("\n"))
    return next((line for line in lines if len(" ".join(line.split())) >= LEAST_QUOTE_CHARS), "")

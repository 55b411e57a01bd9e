"""A transcript for people: plain text for a terminal, HTML for a notebook.

Everything in a transcript is written by strangers: control characters are made visible, and all text
is escaped in HTML.
"""

import html
import json
import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from sessioneval.model.evaluation import Evaluation
from sessioneval.model.message import Message
from sessioneval.model.moment import iso_utc
from sessioneval.model.session import Session

# Terminal escapes and bidirectional overrides could hide or reorder what is shown.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_COLOURS = {"user": "#2563eb", "assistant": "#059669", "tool": "#b45309", "system": "#6b7280"}


class Shown(Protocol):
    """What of a transcript is displayed; a transcript displays itself with these functions."""

    @property
    def session(self) -> Session:
        """The session."""

    @property
    def messages(self) -> Sequence[Message]:
        """What was said."""

    @property
    def evaluations(self) -> Sequence[Evaluation]:
        """What was decided about it."""


def visible(text: str) -> str:
    r"""Return `text` with control and bidirectional characters written as escapes.

    Example:
        >>> visible("a\x1b[2J")
        'a\\x1b[2J'
    """
    return _UNSAFE.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def as_text(transcript: Shown) -> str:
    """Return a transcript with its evaluations as plain text."""
    session = transcript.session
    times = f"{iso_utc(session.start_time)} to {iso_utc(session.end_time)}"
    counts = f"{session.n_traces} traces, {session.n_spans} spans, {len(transcript.messages)} messages"
    lines = [f"session {visible(session.session_id)}", f"{times}, {counts}"]
    for message in transcript.messages:
        lines += ["", *_message_text(message)]
    if transcript.evaluations:
        lines += ["", *(_evaluation_text(evaluation) for evaluation in transcript.evaluations)]
    return "\n".join(lines)


def _speaker(message: Message) -> str:
    name = message.agent or message.name
    role = f"{message.role} (failed)" if message.is_error else message.role
    return f"{role} {name}" if name else role


def _call_texts(message: Message) -> list[str]:
    return [f"{call.name}({json.dumps(call.arguments, ensure_ascii=False)})" for call in message.tool_calls]


def _message_text(message: Message) -> list[str]:
    content = [visible(message.content)] if message.content else []
    calls = [f"  -> {visible(text)}" for text in _call_texts(message)]
    return [f"[{message.turn}] {visible(_speaker(message))}:", *content, *calls]


def _evaluation_text(evaluation: Evaluation) -> str:
    why = f": {visible(evaluation.explanation)}" if evaluation.explanation else ""
    return f"{evaluation.name} = {visible(_verdict(evaluation))}{why}"


def _verdict(evaluation: Evaluation) -> str:
    if evaluation.status != "evaluated":
        return f"{evaluation.status} ({evaluation.reason})"
    score = "" if evaluation.score is None else f"{evaluation.score:g}"
    return f"{evaluation.label} ({score})" if evaluation.label and score else evaluation.label or score


def as_html(transcript: Shown) -> str:
    """Return a transcript with its evaluations as a self-contained HTML fragment without scripts."""
    head = f"<b>session {_escape(transcript.session.session_id)}</b>"
    body = "".join(_message_html(message) for message in transcript.messages)
    return f'<div style="font-family:sans-serif;max-width:60em">{head}{_table(transcript.evaluations)}{body}</div>'


def _escape(text: str) -> str:
    return html.escape(visible(text))


def _message_html(message: Message) -> str:
    colour = _COLOURS[message.role]
    texts: Iterable[str] = [message.content] if message.content else []
    body = "".join(f'<div style="white-space:pre-wrap">{_escape(text)}</div>' for text in texts)
    calls = "".join(f"<div><code>{_escape(text)}</code></div>" for text in _call_texts(message))
    return (
        f'<div style="border-left:3px solid {colour};margin:.5em 0;padding:.1em .8em">'
        f'<small style="color:{colour}">{message.turn} &middot; {_escape(_speaker(message))}</small>{body}{calls}</div>'
    )


def _table(evaluations: Sequence[Evaluation]) -> str:
    if not evaluations:
        return ""
    rows = "".join(
        f"<tr><td>{_escape(e.name)}</td><td>{_escape(e.label or e.status)}</td>"
        f"<td>{'' if e.score is None else f'{e.score:g}'}</td><td>{_escape(e.explanation or e.reason or '')}</td></tr>"
        for e in evaluations
    )
    return f"<table><tr><th>evaluation</th><th>label</th><th>score</th><th>explanation</th></tr>{rows}</table>"

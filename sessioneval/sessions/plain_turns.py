"""Turns of traces whose model calls carry no messages: the outermost span's plain input and output."""

from collections.abc import Sequence

from sessioneval.sessions.lanes import Entry
from sessioneval.sessions.span_view import SpanView, traces
from sessioneval.sessions.utterances import Utterance, parsed_arguments, plain_text

_RESPONSE_FACTS = frozenset({"id", "model", "object", "created", "usage"})
_TURN_KINDS = ("AGENT", "CHAIN", "LLM", "UNKNOWN")


def plain_turns(spans: Sequence[SpanView]) -> list[list[Entry]]:
    """Return one block of entries for each trace without structured messages that has plain text."""
    silent = [trace for trace in traces(spans) if not any(span.kind == "LLM" and span.has_messages for span in trace)]
    return [block for trace in silent if (block := _block(trace))]


def _block(trace: Sequence[SpanView]) -> list[Entry]:
    top = next((span for span in trace if _is_turn(span)), None)
    if top is None:
        return []
    said = [("user", plain_text(top.input_value)), ("assistant", plain_text(_answer_of(top)))]
    return [
        Entry(
            said=Utterance(
                role="user" if role == "user" else "assistant",
                text=text,
                name=None,
                calls=(),
                call_id=None,
                call=top,
                is_output=role == "assistant",
            ),
            at_ns=top.start_ns,
        )
        for role, text in said
        if text
    ]


def _answer_of(span: SpanView) -> str | None:
    """Return the output; Phoenix leaves id and model of a response whose content was not recorded."""
    parsed = parsed_arguments(span.output_value) if span.kind == "LLM" else None
    return None if isinstance(parsed, dict) and parsed.keys() <= _RESPONSE_FACTS else span.output_value


def _is_turn(span: SpanView) -> bool:
    return span.kind in _TURN_KINDS and bool(span.input_value or _answer_of(span)) and not span.is_marker

"""GenAI spans that Phoenix stored: it adds OpenInference messages made from the GenAI ones, which tell less.

A tool result in a message of role user becomes a user's text there, and what frameworks retell stays as it is.
The original attributes come along, so they are read.

Source: frames exported from Phoenix 20.26 of recorded spans.
"""

from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv import attributes as a
from sessioneval.semconv.adk import ADK
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.genai import GENAI

_MESSAGES = (c.INPUT_MESSAGES, c.OUTPUT_MESSAGES)


def _recognises(span: RawSpan) -> bool:
    """Return whether whole lists of messages stand beside the GenAI ones, as only a frame has them."""
    return a.LLM_INPUT_MESSAGES in span.attributes and a.GEN_AI_INPUT_MESSAGES in span.attributes


def _columns(span: RawSpan) -> dict[str, Any]:
    found = GENAI.columns(span) | (ADK.columns(span) if ADK.recognises(span) else {})
    return {column: found[column] for column in _MESSAGES if found.get(column)}


PHOENIX = Dialect(name="phoenix", recognises=_recognises, columns=_columns)

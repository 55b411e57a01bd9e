"""LlamaIndex through OpenInference: a tool's arguments and output stand inside the framework's own objects.

Its three LLM spans a call need no reader: only the innermost carries messages, in OpenInference.

Source: llama-index-core, tools/types.py (``ToolOutput``); spans recorded from the OpenInference instrumentor.
"""

from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.genai_messages import result_text
from sessioneval.semconv.json_text import json_text, parsed

SCOPE = "openinference.instrumentation.llama_index"
_KIND = "openinference.span.kind"
_OUTPUT = '{"blocks":'


def _recognises(span: RawSpan) -> bool:
    if span.attributes.get(_KIND) != "TOOL":
        return False
    output = span.attributes.get("output.value")
    return span.scope_name == SCOPE or (isinstance(output, str) and output.startswith(_OUTPUT) and not span.scope_name)


def _columns(span: RawSpan) -> dict[str, Any]:
    given, result = parsed(span.attributes.get("input.value")), parsed(span.attributes.get("output.value"))
    found: dict[str, str | None] = {}
    if isinstance(given, dict) and isinstance(given.get("kwargs"), dict) and not given.get("args"):
        found[c.INPUT_VALUE] = json_text(given["kwargs"])
    if isinstance(result, dict) and isinstance(result.get("blocks"), list):
        found[c.OUTPUT_VALUE] = result_text(result["blocks"])
    return {column: value for column, value in found.items() if value is not None}


LLAMA_INDEX = Dialect(name="llama_index", recognises=_recognises, columns=_columns)

"""The answer that every judge gives: one JSON schema.

A provider renders the schema before the first message, so a schema that differed from judge to judge would spoil the
prefix that they share. Labels and checklists belong to rubrics; whether an answer keeps to them is checked by code.

Source of the order (evidence, findings, checklist, reasoning, then the label): CheckEval (arXiv 2403.18771); a model writes
from left to right, so what comes first can bear on what comes later. Strict mode wants every property required and no
others allowed: https://platform.openai.com/docs/guides/structured-outputs.
"""

from typing import Any, get_args

from sessioneval.model.evaluation import Severity

SEVERITIES: tuple[str, ...] = get_args(Severity)
_TEXT = {"type": "string"}
_INTEGER = {"type": "integer"}


def _record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _list(**properties: Any) -> dict[str, Any]:
    return {"type": "array", "items": _record(**properties)}


ANSWER_SCHEMA: dict[str, Any] = _record(
    n_user_messages=_INTEGER,
    evidence=_list(message=_INTEGER, quote=_TEXT),
    findings=_list(category=_TEXT, severity={"type": "string", "enum": list(SEVERITIES)}, message=_INTEGER, note=_TEXT),
    answers=_list(item=_TEXT, answer=_TEXT, reason=_TEXT),
    reasoning=_TEXT,
    label=_TEXT,
    confidence={"type": "number"},
)

RESPONSE_FORMAT: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {"name": "session_evaluation", "strict": True, "schema": ANSWER_SCHEMA},
}

"""Signals of what tools were called with: against their schemas, and against what was expected."""

from collections import Counter
from typing import Any

from sessioneval.errors import EvaluatorError
from sessioneval.evaluators.signals.executions import call_key
from sessioneval.evaluators.signals.signal import Decided, decided, signal
from sessioneval.evaluators.signals.wording import shown
from sessioneval.evaluators.tool_schemas import checked_calls
from sessioneval.model.transcript import Transcript
from sessioneval.semconv.attributes import EXPECTED_ACTIONS
from sessioneval.semconv.json_text import parsed

_SHOWN_VIOLATIONS = 20


@signal(
    {"valid": 1.0, "invalid": 0.0},
    fields=("n_calls", "n_checked", "n_invalid", "by_kind", "violations", "spans"),
    needs_context=True,
)
def tool_argument_schema(transcript: Transcript) -> Decided | None:
    """``invalid`` when a tool call breaks the JSON schema of its tool, or names no tool on offer; else ``valid``.

    Checked is each call whose tool has a schema in the spans (`checked_calls`); `by_kind` counts violations, `spans`
    gives for each LLM span that called tools ``{"n_calls", "n_invalid"}``. Does not apply where no call could be
    checked.

    Source: JSON Schema, drafts 4 to 2020-12; the evaluation is Datadog's tool argument correctness, its schema part.
    """
    calls = checked_calls(transcript)
    checked = [call for call in calls if call.is_checked]
    if not checked:
        return None
    invalid = [call for call in checked if call.violations]
    spans: dict[str, dict[str, int]] = {}
    for call in calls:
        counts = spans.setdefault(call.span_id or "", {"n_calls": 0, "n_invalid": 0})
        counts["n_calls"] += 1
        counts["n_invalid"] += bool(call.violations)
    found = [(call, violation) for call in invalid for violation in call.violations]
    fields: dict[str, Any] = {
        "n_calls": len(calls),
        "n_checked": len(checked),
        "n_invalid": len(invalid),
        "by_kind": dict(Counter(violation.kind for _, violation in found)),
        "violations": [
            {"message": call.message_index, "tool": call.name, "kind": violation.kind, "text": violation.text}
            for call, violation in found[:_SHOWN_VIOLATIONS]
        ],
        "spans": spans,
    }
    if not invalid:
        return decided("valid", f"{len(checked)} of {len(calls)} calls were checked; none is invalid.", **fields)
    indexes = shown(dict.fromkeys(call.message_index for call in invalid))
    return decided("invalid", f"Calls that break their schema: {indexes}.", **fields)


@signal({"all_made": 1.0, "some_missing": 0.0}, fields=("n_expected", "n_made", "missing"), needs_context=True)
def expected_tool_calls(transcript: Transcript) -> Decided | None:
    """``all_made`` when each expected tool call was made, else ``some_missing``; the score is the share that was.

    Expected calls stand in the attribute ``session_eval.expected_actions``: a list of ``{"name", "arguments"}``. One is
    made when a call has its name and equal arguments; without ``arguments`` any will do. Order and further calls
    are free. Does not apply without the attribute, or where the list is empty.

    Source: the action checks of tau2-bench (`evaluator_action.py`).

    Raises:
        EvaluatorError: The attribute is no such list.
    """
    expected = _expected(transcript.context.attributes.get(EXPECTED_ACTIONS))
    if not expected:
        return None
    made = {call_key(call.name, call.arguments) for call in transcript.tool_calls}
    names = {call.name for call in transcript.tool_calls}
    missing = [
        action
        for action in expected
        if (action["name"] not in names)
        or (action.get("arguments") is not None and call_key(action["name"], action["arguments"]) not in made)
    ]
    n_made = len(expected) - len(missing)
    text = f"{n_made} of {len(expected)} expected tool calls were made."
    counts = {"n_expected": len(expected), "n_made": n_made, "missing": [action["name"] for action in missing]}
    return decided("some_missing" if missing else "all_made", text, score=n_made / len(expected), **counts)


def _expected(value: Any) -> list[dict[str, Any]]:
    actions = parsed(value) if value is not None else []
    if isinstance(actions, list) and all(
        isinstance(each, dict) and isinstance(each.get("name"), str) for each in actions
    ):
        return actions
    raise EvaluatorError(
        f"attribute {EXPECTED_ACTIONS} is {value!r:.200}; it must be a list, or JSON text of one, "
        'of objects with "name" and "arguments"'
    )

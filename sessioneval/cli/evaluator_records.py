"""What there is to know of an evaluator, as one record."""

import inspect
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sessioneval.errors import InputError
from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.derived import DerivedJudge
from sessioneval.evaluators.derived_library import DERIVED
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.judge_prompt import nonce_of
from sessioneval.evaluators.origins import source_of
from sessioneval.evaluators.registry import evaluator_named
from sessioneval.evaluators.rubric import UNSURE, Rubric
from sessioneval.evaluators.shadow import NAME as SHADOW_COMPARISON
from sessioneval.model.context import SessionContext, ToolDefinition
from sessioneval.model.message import Message, ToolCall
from sessioneval.model.session import Session
from sessioneval.model.transcript import Transcript

_SESSION_ID = "SESSION_ID"
_CALL = ToolCall(id="call-1", name="a_tool", arguments={"argument": "value"})
_MESSAGES = (
    Message(role="user", content="(what the user says)"),
    Message(role="assistant", content="", tool_calls=(_CALL,)),
    Message(role="tool", content="(what the tool returns)", tool_call_id=_CALL.id),
    Message(role="assistant", content="(what the assistant answers)"),
)
_TOOL = ToolDefinition(name="a_tool", description="(what it does)", parameters={"type": "object"})
# Nobody is asked. This address is known for no cache options, so the messages are plain texts.
_NOWHERE = "http://localhost/v1"


def listed_record(name: str) -> dict[str, Any]:
    """Return the record of a registered name for a list; a package that cannot be loaded says so in its line."""
    try:
        return evaluator_record(name, with_prompt=False)
    except InputError as error:
        return {"name": name, "annotator_kind": None, "version": None, "labels": {}, "description": str(error)}


def evaluator_record(spec: str | Path, *, with_prompt: bool = True) -> dict[str, Any]:
    """Return what can be said of a registered evaluator, or of a rubric file.

    Args:
        spec: A name, or the path of a rubric file.
        with_prompt: Whether a judge's record holds what would be sent about a placeholder of a session.

    Raises:
        InputError: The name is unknown, or the file or package cannot be used.
    """
    if isinstance(spec, Path):
        return {**_record(Rubric.from_file(spec), with_prompt=with_prompt), "source": str(spec)}
    record = _record(evaluator_named(spec), with_prompt=with_prompt)
    return {**record, **_derived(spec), "source": source_of(spec)}


def _record(found: Rubric | Evaluator, *, with_prompt: bool) -> dict[str, Any]:
    rubric = found if isinstance(found, Rubric) else _asked_by(found)
    if rubric is not None:
        return _judge(rubric) | ({"prompt": _prompt(rubric)} if with_prompt else {})
    return _own(found) if not isinstance(found, Rubric) else {}


def _asked_by(found: Evaluator) -> Rubric | None:
    judge = found.judge if isinstance(found, DerivedJudge) else found
    return judge.rubric if isinstance(judge, Judge) else None


def _judge(rubric: Rubric) -> dict[str, Any]:
    return {
        "name": rubric.name,
        "annotator_kind": "LLM",
        "version": rubric.version,
        "source": None,
        "labels": dict(rubric.labels),
        "direction": rubric.direction,
        "description": rubric.description,
        "fields": [item.id for item in rubric.checklist],
        "skip_reasons": ["no_reference"] if rubric.reference else [],
        "reference": list(rubric.reference),
        "tools": rubric.tools,
        "needs_context": rubric.tools or bool(rubric.reference),
        "definitions": dict(rubric.definitions),
        "asked_labels": [*rubric.labels, UNSURE],
        "checklist": [
            {"id": item.id, "question": item.question, "answers": list(item.answers), "open": item.is_open}
            for item in rubric.checklist
        ],
        "question": rubric.question,
    }


def _derived(name: str) -> dict[str, Any]:
    """Return what code makes of the judge's answers, where it is not what the rubric says."""
    made = DERIVED.get(name)
    if made is None:
        return {}
    return {"labels": dict(made.labels), "fields": list(made.fields), "skip_reasons": list(made.skip_reasons)}


def _own(found: Evaluator) -> dict[str, Any]:
    return {
        "name": found.name,
        "annotator_kind": found.annotator_kind,
        "version": getattr(found, "version", None),
        "source": None,
        "labels": dict(found.labels),
        "description": inspect.cleandoc(found.__doc__ or ""),
        "fields": list(getattr(found, "fields", ())),
        "skip_reasons": ["not applicable"],
        "needs_context": bool(getattr(found, "needs_context", False)),
    }


def _prompt(rubric: Rubric) -> list[dict[str, str]]:
    """Return the messages about a placeholder; the nonce, which differs from session to session, stands as NONCE."""
    session = Session(
        session_id=_SESSION_ID,
        anchor_span_id="0" * 16,
        start_time=datetime.fromtimestamp(0, UTC),
        end_time=datetime.fromtimestamp(0, UTC),
        n_spans=1,
        n_traces=1,
    )
    references = {name: f"(the session's {name})" for name in rubric.reference}
    # A shadow is compared at the point where the assistant has to answer.
    messages = _MESSAGES[:1] if rubric.name == SHADOW_COMPARISON else _MESSAGES
    context = SessionContext(tools=(_TOOL,), attributes=references)
    sent = Judge(rubric, model="MODEL", base_url=_NOWHERE).messages(
        Transcript(session=session, messages=messages, context=context)
    )
    nonce = nonce_of(_SESSION_ID)
    return [{"role": message["role"], "content": str(message["content"]).replace(nonce, "NONCE")} for message in sent]

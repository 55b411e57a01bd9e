"""`agent_success`: did the agent do the user's task, and if not, how did it fail.

Source: Reflexio's session-level agent success evaluation; its field names are kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Unpack

from sessioneval.errors import InputError
from sessioneval.evaluators.derived import DerivedJudge, derived_rubric
from sessioneval.evaluators.judge import Judge, JudgeOptions
from sessioneval.evaluators.rubric import Rubric
from sessioneval.evaluators.rubric_parts import ChecklistItem
from sessioneval.model.context import ToolDefinition
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.transcript import Transcript
from sessioneval.sessions.due import sampling_point

NAME = "agent_success"
DEFAULT_SAMPLING_RATE = 0.05
FAILURE_TYPES = ("missing_tool", "wrong_tool", "insufficient_tool_information", "wrong_answer", "other")
SYSTEM_ERROR = "system_error"
_LABELS = {"success": 1.0, "failure": 0.0}
_METADATA = "metadata"
_VERSION = "1"


@dataclass(frozen=True, kw_only=True)
class AgentSuccessConfig:
    """What success means here, and which sessions are judged.

    Attributes:
        success_definition: The rubric in the user's words; None takes the one that ships with the package.
        tool_can_use: The tools that the agent had; empty takes those that the spans define.
        sources: Judge only sessions of these sources; empty judges all.
        sampling_rate: Share of sessions, 0 to 1, chosen by a hash of the session id.
        metadata_definition: What else the judge notes about a session, such as categories; None is nothing.

    Raises:
        InputError: The sampling rate is no share.
    """

    success_definition: str | None = None
    tool_can_use: tuple[ToolDefinition, ...] = ()
    sources: tuple[str, ...] = ()
    sampling_rate: float = DEFAULT_SAMPLING_RATE
    metadata_definition: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.sampling_rate <= 1:
            raise InputError(f"sampling_rate is {self.sampling_rate!r}; give a share from 0.0 to 1.0")

    def reason_to_skip(self, transcript: Transcript) -> str | None:
        """Return why a session is not judged; None if it is."""
        session = transcript.session
        if self.sources and session.source not in self.sources:
            return "source_not_enabled"
        return "not_sampled" if sampling_point(session.session_id) >= self.sampling_rate else None


def agent_success(
    config: AgentSuccessConfig | None = None, *, model: str, **options: Unpack[JudgeOptions]
) -> DerivedJudge:
    """Return the evaluator; its fields are Reflexio's.

    Labels are ``success`` and ``failure``. A session that broke for a system error is skipped with the reason
    ``system_error``: it says nothing about the agent's behaviour and is in no denominator. Fields: ``is_success``,
    ``failure_type``, ``failure_reason``, ``number_of_correction_per_session``, ``user_turns_to_resolution``,
    ``is_escalated``, and ``metadata`` where the config defines it.

    Args:
        config: What success means; the package's definition and 5 % of all sessions by default.
        model: The model that judges.
        options: Further arguments of `Judge`.

    Raises:
        InputError: A value cannot be used.
    """
    chosen = config or AgentSuccessConfig()
    if chosen.tool_can_use:
        options = {**options, "tools": chosen.tool_can_use}
    return DerivedJudge(
        Judge(_rubric(chosen), model=model, **options),
        labels=_LABELS,
        gate=chosen.reason_to_skip,
        derive=_derived,
        # Which sessions are judged changes no verdict: the gate is no part of the fingerprint.
        settings={"derivation": _VERSION},
    )


def _rubric(config: AgentSuccessConfig) -> Rubric:
    rubric = derived_rubric(NAME)
    if config.success_definition is not None:
        rubric = rubric.with_variables({"success_definition": config.success_definition})
    if config.metadata_definition is None:
        return rubric
    noted = ChecklistItem(id=_METADATA, question=config.metadata_definition)
    return replace(rubric, checklist=(*rubric.checklist, noted))


def _derived(answered: Evaluation, transcript: Transcript) -> dict[str, Any]:
    """Return label, score and typed fields; what the model left out or made up is None."""
    said = answered.fields
    failure_type = said.get("failure_type")
    if failure_type == SYSTEM_ERROR and answered.label != "success":
        return {"status": "skipped", "reason": SYSTEM_ERROR, "label": None, "score": None}
    is_success = answered.label == "success"
    is_failure = answered.label == "failure"
    fields = {
        "is_success": is_success if is_success or is_failure else None,
        "failure_type": (failure_type if failure_type in FAILURE_TYPES else "other") if is_failure else None,
        "failure_reason": said.get("failure_reason") if is_failure else None,
        "number_of_correction_per_session": _count(said, "number_of_correction_per_session", transcript.n_turns),
        "user_turns_to_resolution": _count(said, "user_turns_to_resolution", transcript.n_turns) or None,
        "is_escalated": _yes(said, "is_escalated"),
    }
    return {"fields": {**fields, **({_METADATA: said[_METADATA]} if _METADATA in said else {})}}


def _count(said: Mapping[str, Any], item: str, most: int) -> int | None:
    """Return a number of user messages; None for what is no number or more than there are."""
    text = str(said.get(item, "")).strip()
    number = int(text) if text.isascii() and text.isdigit() else None
    return number if number is not None and number <= most else None


def _yes(said: Mapping[str, Any], item: str) -> bool | None:
    return {"yes": True, "no": False}.get(str(said.get(item)))

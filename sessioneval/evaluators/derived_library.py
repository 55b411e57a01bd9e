"""The derived judges that ship with the package, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sessioneval.evaluators.agent_success import agent_success
from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.goal_completeness import goal_completeness
from sessioneval.evaluators.shadow import shadow_comparison
from sessioneval.evaluators.tool_arguments import tool_argument_correctness
from sessioneval.evaluators.tool_selection import tool_selection


@dataclass(frozen=True, kw_only=True)
class DerivedEvaluator:
    """How a derived judge is made and what it gives.

    Attributes:
        make: Takes ``model`` and the options of `Judge`.
        labels: Its labels with their scores; ``unsure`` may come beside them.
        fields: What stands in `Evaluation.fields`.
        skip_reasons: Why it may skip a session.
    """

    make: Callable[..., Evaluator]
    labels: Mapping[str, float]
    fields: tuple[str, ...]
    skip_reasons: tuple[str, ...] = field(default=())

    def __call__(self, **options: Any) -> Evaluator:
        """Return the evaluator."""
        return self.make(**options)


DERIVED: Mapping[str, DerivedEvaluator] = {
    "agent_success": DerivedEvaluator(
        make=agent_success,
        labels={"success": 1.0, "failure": 0.0},
        fields=(
            "is_success",
            "failure_type",
            "failure_reason",
            "number_of_correction_per_session",
            "user_turns_to_resolution",
            "is_escalated",
            "metadata",
        ),
        skip_reasons=("not_sampled", "source_not_enabled", "system_error"),
    ),
    "goal_completeness": DerivedEvaluator(
        make=goal_completeness,
        labels={"complete": 1.0, "incomplete": 0.0},
        fields=("resolved", "unresolved", "n_intentions"),
        skip_reasons=("not_complete",),
    ),
    "shadow_comparison": DerivedEvaluator(
        make=shadow_comparison,
        labels={"served": 1.0, "tie": 0.5, "shadow": 0.0},
        fields=("n_served", "n_tie", "n_shadow", "turns"),
        skip_reasons=("no_shadow",),
    ),
    "tool_argument_correctness": DerivedEvaluator(
        make=tool_argument_correctness,
        labels={"correct": 1.0, "incorrect": 0.0},
        fields=("n_calls", "n_invalid", "n_wrong", "n_unjudged", "calls"),
        skip_reasons=("no_tool_calls",),
    ),
    "tool_selection": DerivedEvaluator(
        make=tool_selection,
        labels={"correct": 1.0, "incorrect": 0.0},
        fields=("n_right", "n_wrong", "n_missing", "n_unjudged", "spans"),
        skip_reasons=("no_tools",),
    ),
}

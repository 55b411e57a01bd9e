"""Where an evaluator comes from: the system whose evaluation it is, or the package that brings it."""

from sessioneval.evaluators.derived_library import DERIVED
from sessioneval.evaluators.plugins import plugin_package
from sessioneval.evaluators.rubric_library import rubric_names
from sessioneval.evaluators.signals.library import SIGNALS

# Sources: Arize's cookbook on session evaluation; Reflexio's agent success evaluation; Datadog LLM Observability's
# managed evaluations. Signals that none of them has are our own.
_SYSTEMS = {
    "agent_success": "Reflexio",
    "shadow_comparison": "Reflexio",
    "corrections": "Reflexio",
    "turns_to_resolution": "Reflexio",
    "escalated": "Reflexio",
    "tool_selection": "Datadog",
    "tool_argument_correctness": "Datadog",
    "goal_completeness": "Datadog",
    "tool_argument_schema": "Datadog",
}
_OF_RUBRICS = "Arize"
_OWN = "sessioneval"


def source_of(name: str) -> str:
    """Return the system that a built-in evaluator comes from, or the package that registers it.

    Raises:
        InputError: Nothing is registered under `name`, or two packages register it.

    Example:
        >>> source_of("coherence"), source_of("agent_success"), source_of("turn_count")
        ('Arize', 'Reflexio', 'sessioneval')
    """
    if name in rubric_names():
        return _OF_RUBRICS
    if name in DERIVED or name in SIGNALS:
        return _SYSTEMS.get(name, _OWN)
    return plugin_package(name)

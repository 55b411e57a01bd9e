"""Evaluate whole sessions of LLM apps and agents from their OpenTelemetry traces.

Names are loaded when they are first used: importing the package has no side effects, and an instrumented app
never loads pandas, pyarrow or openai before it needs them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sessioneval.analysis.frames import evaluations_df, sessions_df, spans_df, transcript
    from sessioneval.errors import SessionEvalError
    from sessioneval.evaluators.adapters.deepeval import from_deepeval
    from sessioneval.evaluators.adapters.phoenix import from_phoenix
    from sessioneval.evaluators.code import evaluator
    from sessioneval.evaluators.judge import Judge
    from sessioneval.evaluators.panel import Panel
    from sessioneval.evaluators.rubric import Rubric
    from sessioneval.evaluators.voting import Voting
    from sessioneval.instrument.exporter import ParquetSpanExporter
    from sessioneval.instrument.registration import register
    from sessioneval.instrument.session_processor import SessionSpanProcessor
    from sessioneval.instrument.session_scope import session
    from sessioneval.model.evaluation import Evaluation
    from sessioneval.model.message import Message, ToolCall
    from sessioneval.model.session import Session
    from sessioneval.model.transcript import Transcript
    from sessioneval.runs.estimating import estimate
    from sessioneval.runs.evaluating import evaluate, evaluate_async
    from sessioneval.runs.importing import import_files
    from sessioneval.sessions.due import DueRule
    from sessioneval.sessions.selection import Selection
    from sessioneval.store.store import Store

    __version__: str

__all__ = [
    # instrument
    "register",
    "session",
    "SessionSpanProcessor",
    "ParquetSpanExporter",
    # evaluate
    "import_files",
    "evaluate",
    "evaluate_async",
    "estimate",
    "Judge",
    "Panel",
    "Voting",
    "Rubric",
    "evaluator",
    "from_phoenix",
    "from_deepeval",
    "Selection",
    "DueRule",
    # analyse
    "Store",
    "sessions_df",
    "spans_df",
    "evaluations_df",
    "transcript",
    # nouns
    "Session",
    "Transcript",
    "Message",
    "ToolCall",
    "Evaluation",
    "SessionEvalError",
    "__version__",
]

_HOMES = {
    "analysis.frames": ("evaluations_df", "sessions_df", "spans_df", "transcript"),
    "errors": ("SessionEvalError",),
    "evaluators.adapters.deepeval": ("from_deepeval",),
    "evaluators.adapters.phoenix": ("from_phoenix",),
    "evaluators.code": ("evaluator",),
    "evaluators.panel": ("Panel",),
    "evaluators.judge": ("Judge",),
    "evaluators.rubric": ("Rubric",),
    "evaluators.voting": ("Voting",),
    "instrument.exporter": ("ParquetSpanExporter",),
    "instrument.registration": ("register",),
    "instrument.session_processor": ("SessionSpanProcessor",),
    "instrument.session_scope": ("session",),
    "model.evaluation": ("Evaluation",),
    "model.message": ("Message", "ToolCall"),
    "model.session": ("Session",),
    "model.transcript": ("Transcript",),
    "runs.estimating": ("estimate",),
    "runs.evaluating": ("evaluate", "evaluate_async"),
    "runs.importing": ("import_files",),
    "sessions.due": ("DueRule",),
    "sessions.selection": ("Selection",),
    "store.store": ("Store",),
}
_MODULE_OF = {name: f"{__name__}.{module}" for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name, and keep it."""
    if name == "__version__":
        value: Any = importlib.import_module("importlib.metadata").version(__name__)
    elif name in _MODULE_OF:
        value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return sorted({*globals(), *__all__})

"""Every exception of the package.

SessionEvalError
├── InputError            a value given by the caller cannot be used      (exit 2 on the command line)
│   ├── UnknownName       a name that is not registered, with the nearest one
│   └── MissingExtra      an optional dependency is not installed
├── StoreError            a store cannot be read or written
├── SourceError           a file to import cannot be read as what it claims to be
├── JudgeError            a judge gave no usable answer
│   ├── JudgeRefused      the endpoint rejected the request for good (key, model, address)
│   ├── JudgeUnavailable  the endpoint did not answer in time or kept failing
│   ├── JudgeAnswerError  the endpoint answered, but not with a label of the rubric
│   └── OverBudget        the call was not made: the run's budget is spent
└── EvaluatorError        a code evaluator raised or returned something that is no evaluation

All classes take positional arguments only, so they survive pickling (process pools, Ray, Spark).
"""

import difflib
from collections.abc import Iterable

# A store may hold a million sessions; an error names this many.
_SHOWN = 20


class SessionEvalError(Exception):
    """Base of everything this package raises on purpose."""


class InputError(SessionEvalError):
    """A value given by the caller cannot be used."""


class UnknownName(InputError):
    """A name is not registered."""

    @classmethod
    def among(cls, what: str, name: str, known: Iterable[str]) -> "UnknownName":
        """Say what was not found, what is allowed and which known name is nearest.

        Example:
            >>> print(UnknownName.among("evaluator", "coherense", ["coherence", "frustration"]))
            unknown evaluator 'coherense'; did you mean 'coherence'? Known: coherence, frustration
        """
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        shown = [*names[:_SHOWN], *([f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else [])]
        return cls(f"unknown {what} {name!r}{hint} Known: {', '.join(shown) or 'none'}")


class MissingExtra(InputError):
    """An optional dependency is not installed."""


class StoreError(SessionEvalError):
    """A store cannot be read or written."""


class SourceError(SessionEvalError):
    """A file to import cannot be read as what it claims to be."""


class JudgeError(SessionEvalError):
    """A judge gave no usable answer."""


class JudgeRefused(JudgeError):
    """The endpoint rejected the request for good: wrong key, unknown model, wrong address."""


class JudgeUnavailable(JudgeError):
    """The endpoint did not answer in time or kept failing."""


class JudgeAnswerError(JudgeError):
    """The endpoint answered, but not with a label of the rubric."""


class OverBudget(JudgeError):
    """A judge's call was not made because the run's budget is spent; the decision is skipped, not failed."""


class EvaluatorError(SessionEvalError):
    """A code evaluator raised, or returned something that is no evaluation."""

"""Truths for the noisy oracle, read from a file of JSON lines."""

import json
from pathlib import Path
from typing import Any

from sessioneval.errors import InputError
from sessioneval.testing.oracle import Truth


def read_truths(path: str | Path) -> dict[str, Truth]:
    """Return first user message to truth.

    Args:
        path: Lines of ``{"first_user_message": "...", "labels": {"coherence": "coherent"}, "cohort": "a"}``; cohort
            and ``findings`` may be left out.

    Raises:
        InputError: The file cannot be read, or a line is not of that form, or two lines are about one message.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the truths in {str(path)!r}: {error}") from error
    truths: dict[str, Truth] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            message, truth = _read(line, f"line {number} of {str(path)!r}")
            if message in truths:
                raise InputError(f"line {number} of {str(path)!r} is about a message that an earlier line is about")
            truths[message] = truth
    return truths


def _read(line: str, where: str) -> tuple[str, Truth]:
    try:
        fields: Any = json.loads(line)
    except ValueError as error:
        raise InputError(f"{where} is not JSON: {error}") from error
    message = fields.get("first_user_message") if isinstance(fields, dict) else None
    labels = fields.get("labels") if isinstance(fields, dict) else None
    if not isinstance(message, str) or not isinstance(labels, dict):
        raise InputError(f"{where} has to hold first_user_message, a text, and labels, an object; got {line[:80]!r}")
    findings = tuple(entry for entry in fields.get("findings") or [] if isinstance(entry, dict))
    return message, Truth(
        labels={str(name): str(label) for name, label in labels.items()},
        cohort=str(fields.get("cohort") or ""),
        findings=findings,
    )

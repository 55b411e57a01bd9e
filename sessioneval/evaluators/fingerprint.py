"""The fingerprint of an evaluator: equal exactly when its evaluations may be compared and reused."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_DIGITS = 16


def fingerprint(parts: Mapping[str, Any]) -> str:
    """Return the first 16 hex digits of SHA-256 over the canonical JSON of `parts`.

    Example:
        >>> fingerprint({"model": "m", "version": "1"}) == fingerprint({"version": "1", "model": "m"})
        True
        >>> len(fingerprint({}))
        16
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]

"""Where the shared labelled sessions and recordings are, if this checkout has them beside it.

Set SESSIONEVAL_SHARED to the folder that holds `data/` and `recordings/`; by default it is looked for beside the checkout.
"""

import os
from pathlib import Path

import pytest

_SHARED = Path(os.environ.get("SESSIONEVAL_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def _folder(name: str) -> Path | None:
    return _SHARED / name if (_SHARED / name).is_dir() else None


DATA = _folder("data")
RECORDINGS = _folder("recordings")

needs_data = pytest.mark.skipif(DATA is None, reason="the labelled sessions are not beside this checkout")
needs_recordings = pytest.mark.skipif(RECORDINGS is None, reason="the recordings are not beside this checkout")

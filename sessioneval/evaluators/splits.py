"""The split of a session: for examples in prompts (train), for work on a judge (dev), or for its last exam (test)."""

import hashlib
from typing import Literal

Split = Literal["train", "dev", "test"]

TRAIN_SHARE = 0.2
DEV_SHARE = 0.4


def split_of(session_id: str) -> Split:
    """Return the split of a session: the same for ever and everywhere, whatever sessions are added.

    A fifth is train, two fifths are dev and two fifths test.

    Source: hamel.dev, validating an evaluator (10 to 20 % for examples, the rest to work with and to test).

    Example:
        >>> [split_of(f"chat-{number}") for number in range(5)]
        ['dev', 'test', 'test', 'dev', 'test']
    """
    digest = hashlib.sha256(b"split\0" + session_id.encode("utf-8", "surrogatepass")).digest()
    share = int.from_bytes(digest[:8]) / 2**64
    return "train" if share < TRAIN_SHARE else "dev" if share < TRAIN_SHARE + DEV_SHARE else "test"

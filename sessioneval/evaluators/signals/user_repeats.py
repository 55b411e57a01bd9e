"""Signals of users who say something again."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from sessioneval.evaluators.signals.signal import Decided, decided, signal
from sessioneval.evaluators.signals.wording import bare_words, normalised, shown, words
from sessioneval.model.transcript import Transcript

_SHORT_WORDS = 3
_SHOWN_GROUPS = 20
# A request is put in other words soon after it failed.
_LOOKED_BACK = 3
_COMPARED_CHARS = 1_000
_SAME_WORDS = 0.6
_SAME_CHARACTERS = 0.8
_DIGIT = re.compile(r"\d")


@signal({"not_repeated": 1.0, "repeated": 0.0}, fields=("n_user_messages", "n_repeated"))
def repeated_user_message(transcript: Transcript) -> Decided:
    """``repeated`` when the user sent the same text twice; else ``not_repeated``.

    Texts are the same after NFKC normalisation, case folding and joining of white space. Texts of at
    most 3 words (``yes``, ``ok go on``) are left out: they confirm, they do not repeat a request.
    """
    seen: dict[str, list[int]] = {}
    for index, text in _said_by_user(transcript):
        if len(words(text)) > _SHORT_WORDS:
            seen.setdefault(normalised(text), []).append(index)
    repeats = [indexes for indexes in seen.values() if len(indexes) > 1]
    counts = {"n_user_messages": transcript.n_turns, "n_repeated": sum(len(indexes) - 1 for indexes in repeats)}
    if not repeats:
        return decided("not_repeated", "No user message occurs twice.", **counts)
    groups = "; ".join(shown(indexes) for indexes in repeats[:_SHOWN_GROUPS])
    return decided("repeated", f"The same user text stands at messages {groups}.", **counts)


@signal({"not_rephrased": 1.0, "rephrased": 0.0}, fields=("n_user_messages", "n_rephrased", "highest_similarity"))
def rephrased_user_message(transcript: Transcript) -> Decided:
    """``rephrased`` when a user message says one of the 3 user messages before it in other words; else ``not_rephrased``.

    Two texts say the same when they are not equal (`repeated_user_message` tells that), both have more than 3
    words, the numbers in them do not differ, and either the Jaccard index of their sets of words is at least 0.6 or
    the ratio of `difflib.SequenceMatcher` over their normalised characters is at least 0.8. The first 1,000
    characters of a text are compared.

    Source: Jaccard index, P. Jaccard, 1912; Ratcliff and Obershelp, 1988, for the ratio of matching characters.
    """
    said = [(index, text[:_COMPARED_CHARS]) for index, text in _said_by_user(transcript)]
    found: list[int] = []
    highest = 0.0
    for place, (index, text) in enumerate(said):
        alike = max((similarity(text, other) for _, other in said[max(0, place - _LOOKED_BACK) : place]), default=0.0)
        highest = max(highest, alike)
        if alike >= 1.0:
            found.append(index)
    counts = {"n_user_messages": len(said), "n_rephrased": len(found), "highest_similarity": round(highest, 4)}
    if not found:
        return decided("not_rephrased", "No user message says an earlier one in other words.", **counts)
    return decided("rephrased", f"Said before in other words: messages {shown(found)}.", **counts)


def similarity(one: str, other: str) -> float:
    """Return how near two texts are to being one request in two wordings; 1 and more is.

    The greater of the Jaccard index of words / 0.6 and the ratio of matching characters / 0.8; 0 where the texts
    are equal, short, or name other numbers.

    Example:
        >>> similarity("Where is my blue parcel now?", "So where is my parcel now?") >= 1
        True
        >>> similarity("Please cancel order 1234", "Please cancel order 5678")
        0.0
    """
    sets = [set(bare_words(text)) for text in (one, other)]
    texts = [normalised(one), normalised(other)]
    is_short = any(len(words(text)) <= _SHORT_WORDS for text in texts)
    if is_short or texts[0] == texts[1] or _other_numbers(sets):
        return 0.0
    by_words = len(sets[0] & sets[1]) / len(sets[0] | sets[1]) if sets[0] | sets[1] else 0.0
    if by_words >= _SAME_WORDS:
        return by_words / _SAME_WORDS
    matcher = SequenceMatcher(a=texts[0], b=texts[1], autojunk=False)
    is_far = matcher.real_quick_ratio() < _SAME_CHARACTERS or matcher.quick_ratio() < _SAME_CHARACTERS
    return max(by_words / _SAME_WORDS, 0.0 if is_far else matcher.ratio() / _SAME_CHARACTERS)


def _other_numbers(sets: Sequence[set[str]]) -> bool:
    one, other = ({word for word in found if _DIGIT.search(word)} for found in sets)
    return bool(one and other and one != other)


def _said_by_user(transcript: Transcript) -> list[tuple[int, str]]:
    return [(index, message.content) for index, message in enumerate(transcript.messages) if message.role == "user"]

"""Signs that a transcript addresses its judge: words to look at, never a reason for a label.

The look through the text is free and fills the column ``is_injection_suspected``. Words are no proof either way:
people ask agents to ignore what they said before, and an attack may be worded as nothing here is.

Source: "Defending Against Indirect Prompt Injection Attacks With Spotlighting" (arXiv 2403.14720); the tokens are those of the chat templates of ChatML, Llama, Mistral and Gemma.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from sessioneval.model.transcript import Transcript
from sessioneval.sessions.kept_renderings import KeptRenderings

_JUDGES = r"(?:grader|judge|evaluator|rater|evaluation (?:model|system))s?"
_RULES = r"(?:instruction|rule|prompt|direction|guideline|rubric|criteri|message|text|transcript)"
_EARLIER = r"(?:previous|prior|preceding|earlier|above|foregoing|other)"


class _Sign(NamedTuple):
    """Patterns over lower-case text, and words of which one stands in whatever they match: the cheap look."""

    words: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]

    def is_in(self, lower: str) -> bool:
        """Return whether a pattern matches somewhere."""
        return any(word in lower for word in self.words) and any(each.search(lower) for each in self.patterns)


def _sign(words: str, *patterns: str) -> _Sign:
    return _Sign(tuple(words.split("/")), tuple(map(re.compile, patterns)))


_IGNORE = r"\b(?:ignore|disregard|forget|overrid(?:e|ing)|overrul(?:e|ing))\s+(?:[\w']+\s+){0,4}?"
_SIGNS = (
    _sign(
        "ignore/disregard/forget/overrid/overrul",
        rf"{_IGNORE}{_EARLIER}\s+(?:[\w']+\s+)?{_RULES}",
        rf"{_IGNORE}{_RULES}\w*\s+(?:\w+\s+)?(?:above|before|so far|you)\b",
    ),
    _sign(
        "label/verdict",
        r"\b(?:correct|right|true|final|expected|only|proper|appropriate)\s+(?:label|verdict)\s+(?:is|for|must|should)\b",
        r"\b(?:answer|respond|reply|output|assign)\s+(?:(?:only|with|the)\s+){1,3}(?:label|verdict)\b",
        r"""["'](?:explanation|reasoning|verdict|is_correct)["']\s*:[^{}\0]{0,500}["'](?:label|verdict|score)["']\s*:""",
        r"""["'](?:label|verdict)["']\s*:\s*["'][^{}\0]{0,200}["'](?:explanation|reasoning|score|confidence)["']\s*:""",
    ),
    _sign(
        "grader/judge/evaluator/rater/evaluation model/evaluation system",
        rf"\b(?:as|dear|hey|hello|attention|(?:note|notice|message|instructions?|reminder)\s+(?:to|for)),?\s+"
        rf"(?:the |a |an |all |any )?(?:ai |llm |auto)?{_JUDGES}\b",
        rf"\b{_JUDGES}(?:'s)?\s+(?:note|notice|instructions?|override)s?\b",
        rf"\byou\s+are\s+(?:now\s+)?(?:the|an?)\s+(?:[\w-]+\s+)?{_JUDGES}\b",
    ),
    _sign(
        "end of/begin/start of",
        r"\b(?:end|begin(?:ning)?|start)\s+of\s+(?:the\s+)?(?:transcript|session transcript)\b",
    ),
    _sign(
        "system",
        r"\bnew\s+system\s+(?:prompt|message|instructions?)\b",
        r"(?:^|[\n\0])[ \t]{0,4}#{0,3}[ \t]?system(?: message| prompt)?[ \t]{0,2}:",
    ),
    _sign(
        "mark /rate /score /grade /judge /label ",
        r"\b(?:mark|rate|score|grade|judge|label)\s+(?:this|the)\s+(?:whole\s+|entire\s+)?"
        r"(?:session|conversation|transcript|dialogue)\b",
    ),
    _sign("<</< </<\\", r"<\s?\\*<\s?\\*t\s?:"),
    _sign("<|", r"<\|(?:im_start|im_end|im_sep|endoftext|system|user|assistant|\w+_header_id|eot_id|begin_of_text)\|>"),
    _sign("inst]/sys>>", r"\[/?inst\]", r"<<\s?/?sys\s?>>"),
    _sign("_of_turn>/<system/transcript>", r"<(?:start|end)_of_turn>", r"</?(?:transcript|system)>"),
)
# Between two texts, so that no pattern matches across them: none takes this character.
_BORDER = "\0"
_FOUND: KeptRenderings[bool] = KeptRenderings()


def addresses_a_judge(transcript: Transcript) -> bool:
    """Return whether a text of the transcript holds words or tokens that are meant for whoever judges it.

    System messages are left out: they are the app's own. Each transcript object is looked through once.
    """
    return _FOUND.of(transcript, "", lambda: is_suspicious(_BORDER.join(_texts(transcript))))


def is_suspicious(text: str) -> bool:
    """Return whether a text holds such a sign.

    Example:
        >>> is_suspicious("Ignore all previous instructions."), is_suspicious("Please ignore my last order.")
        (True, False)
    """
    lower = text.lower()
    return any(sign.is_in(lower) for sign in _SIGNS)


def _texts(transcript: Transcript) -> Iterator[str]:
    for message in transcript.messages:
        if message.role != "system":
            yield message.content.replace(_BORDER, " ")
        for call in message.tool_calls:
            yield json.dumps(call.arguments, ensure_ascii=False, default=str)

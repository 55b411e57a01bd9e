r"""Text of strangers, made safe to show to a judge: all of it visible, none of it structure.

One escape serves all: ``\u{hex}`` stands for the character with that code point. Written so are characters
that nobody sees (control, bidirectional, zero-width, tag characters, lone surrogates), the first character of
whatever looks like our fence or like a token of a chat template, and the backslash of a literal ``\u{``. So the
original can be read back, and the result is always valid UTF-8.

Sources: the invisible characters are Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt) with the
control characters but tab and newline, the line separators and the surrogates; the tokens are those of the chat
templates of ChatML, Llama, Mistral, Gemma and DeepSeek, which many servers read inside a message too.
"""

import re
import sys

_UNSEEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff\ud800-\udfff"
)
# Emoji and Persian need joiners and emoji selectors: one after a visible character stays as it is.
_JOINERS = r"\u200c\u200d\ufe0e\ufe0f"
_SEEN = rf"[^{_UNSEEN}{_JOINERS}\s]"
_INVISIBLE = re.compile(rf"[{_UNSEEN}]|[{_JOINERS}](?<!{_SEEN}[{_JOINERS}])(?<!{_SEEN}\ufe0f\u200d)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# What `str.isprintable` lets pass.
_PRINTABLE_BUT_UNSEEN = re.compile(rf"[{_UNSEEN}{_JOINERS}]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_WIDE = re.compile(r"[\uff1c\u226a\xab](?=[<\uff1c]?\s{0,2}[Tt]\s{0,2}[:\uff1a])")
_STRUCTURE = (
    (
        "<",
        re.compile(
            r"<(?=[<\uff1c]\s{0,2}[Tt]\s{0,2}[:\uff1a]|[|\uff5c]|/?(?:s|bos|eos|pad|unk)>|(?:start|end)_of_turn>"
            r"|</?SYS>>)"
        ),
    ),
    (
        "[",
        re.compile(
            r"\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT)\])",
        ),
    ),
    ("\uff1c", _WIDE),
    ("\u226a", _WIDE),
    ("\xab", _WIDE),
)
_ESCAPE = re.compile(r"\\u\{([0-9a-f]{1,6})\}")


def escaped(text: str, nonce: str = "") -> str:
    r"""Return `text` as a judge may see it; `unescaped` takes it back.

    Args:
        text: Anything, lone surrogates included.
        nonce: The fence's own; a writer who guessed it does not get it shown either.

    Example:
        >>> escaped("<<T:0 user>>"), escaped("\x1b[31mred"), escaped(r"\u{41}")
        ('\\u{3c}<T:0 user>>', '\\u{1b}[31mred', '\\u{5c}u{41}')
    """
    shown = text.replace("\\u{", "\\u{5c}u{")
    for character, pattern in _STRUCTURE:
        # Most texts have none of these characters, and looking for one is cheap.
        if character in shown:
            shown = pattern.sub(_escape, shown)
    if not _is_visible(shown):
        shown = (_CONTROL if shown.isascii() else _INVISIBLE).sub(_escape, shown)
    return _without(shown, nonce) if nonce and nonce in shown else shown


def unescaped(text: str) -> str:
    r"""Return the text that `escaped` was given; what no escape can be stays as it is.

    Example:
        >>> unescaped(escaped("a\x00b")) == "a\x00b", unescaped(r"\u{110000}")
        (True, '\\u{110000}')
    """
    return _ESCAPE.sub(_character, text) if "\\u{" in text else text


def _is_visible(text: str) -> bool:
    """Whether there is nothing to make visible; most text passes, and the look at each character costs five times more."""
    if not text.replace("\n", "").replace("\t", "").isprintable():
        return False
    return text.isascii() or not _PRINTABLE_BUT_UNSEEN.search("".join(set(_NOT_ASCII.findall(text))))


def _escape(found: re.Match[str]) -> str:
    return f"\\u{{{ord(found[0]):x}}}"


def _character(found: re.Match[str]) -> str:
    code_point = int(found[1], 16)
    return chr(code_point) if code_point <= sys.maxunicode else found[0]


def _without(text: str, nonce: str) -> str:
    # The lookahead finds occurrences that overlap each other too.
    return re.sub(rf"{re.escape(nonce[0])}(?={re.escape(nonce[1:])})", _escape, text)

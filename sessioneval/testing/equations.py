"""Arithmetic statements in a text, and whether they hold when computed."""

import re
from dataclasses import dataclass
from fractions import Fraction

from sessioneval.testing.sentences import asserted

MAX_EXPONENT = 64

# Every repetition is bounded, so that no text makes the search slow.
_NUMBER = r"-?(?:\d{1,3}(?:,\d{3}){1,4}|\d{1,15})(?:\.\d{1,10})?"
_OPERATOR = (
    r"(?:[ \t]{0,3}(?:\*\*|[+\-*x/^])[ \t]{0,3}"
    r"|[ \t]{1,3}(?:times|plus|minus|multiplied by|divided by)[ \t]{1,3})"
)
_EXPRESSION = rf"{_NUMBER}(?:{_OPERATOR}{_NUMBER}){{0,8}}"
_JOINT = r"(?:[ \t]{0,3}=[ \t]{0,3}|[ \t]{1,3}(?:is|equals|is equal to|makes|gives)[ \t]{1,3})"
_EQUATION = re.compile(rf"(?<![\w.,])({_EXPRESSION})({_JOINT})({_EXPRESSION})", re.IGNORECASE)
_NUMBER_ONLY = re.compile(_NUMBER)
_OPERATOR_ONLY = re.compile(_OPERATOR, re.IGNORECASE)

# What stands around a match decides whether it is a whole equation: "2x + 3 = 5x" and "(1 + 2) x 3 = 9" are not.
_CUT_BEFORE = re.compile(r"(?:[+\-*/^)}\]$€£%]|(?:^|[^A-Za-z'])[A-Za-z])[ \t]*$")
_CUT_AFTER = re.compile(
    r"\d|[.,]\d|[%°_({\[]|[A-Za-z](?![A-Za-z])|[ \t]*[+*^=/]|[ \t]*-[ \t]*[\d(]|[ \t]*x[ \t]*\d"
    r"|[ \t]+\(?(?:\d|r\b|remainder|and a\b|and an\b|mod\b|modulo|base|in binary|in base)",
    re.IGNORECASE,
)
_UNSPACED = re.compile(r"\d[-/]\d")
_OPERATORS = {"times": "*", "multiplied by": "*", "plus": "+", "minus": "-", "divided by": "/", "**": "^", "x": "*"}


@dataclass(frozen=True, kw_only=True)
class Equation:
    """A stated equation of two numbers or of a calculation and its result.

    Attributes:
        text: As it stands in the message.
        left: The calculation, with plain operators and no spaces.
        computed: What the calculation comes to.
        stated: What the text says it comes to.
        holds: Whether the two agree, to the digits that are written.
    """

    text: str
    left: str
    computed: Fraction
    stated: Fraction
    holds: bool


def equations(text: str) -> list[Equation]:
    """Return the arithmetic statements that a text asserts, in order.

    Example:
        >>> [(e.left, e.holds) for e in equations("First, 7 x 8 = 56. Next, 9 times 9 is 80.")]
        [('7*8', True), ('9*9', False)]
    """
    return [
        equation
        for sentence in asserted(text)
        for match in _EQUATION.finditer(sentence)
        if _stands_alone(sentence, match) and (equation := _equation(match))
    ]


def _stands_alone(sentence: str, match: re.Match[str]) -> bool:
    before, after = sentence[max(0, match.start() - 8) : match.start()], sentence[match.end() : match.end() + 16]
    if _CUT_BEFORE.search(before) or _CUT_AFTER.match(after):
        return False
    # "pages 3-5 is" and "24/7 is" are ranges and names rather than calculations.
    return "=" in match[2] or not _UNSPACED.search(match[1])


def _equation(match: re.Match[str]) -> Equation | None:
    left, right = _tokens(match[1]), _tokens(match[3])
    if len(left) == 1:
        left, right = right, left
    computed, stated = _value(left), _value(right)
    if len(left) == 1 or computed is None or stated is None:
        return None
    gap = abs(computed - stated)
    holds = gap == 0 or gap < _last_digit(right)
    return Equation(text=match[0], left="".join(left), computed=computed, stated=stated, holds=holds)


def _last_digit(tokens: list[str]) -> Fraction:
    """Return one unit of the last decimal of a lone number; 0 for whole numbers and calculations."""
    _, dot, decimals = tokens[0].partition(".")
    return Fraction(1, 10 ** len(decimals)) if dot and len(tokens) == 1 else Fraction(0)


def _tokens(expression: str) -> list[str]:
    """Return numbers and plain operators in turn."""
    tokens: list[str] = []
    position = 0
    while position < len(expression):
        # A minus after a number is an operator, after an operator a sign.
        pattern = _NUMBER_ONLY if len(tokens) % 2 == 0 else _OPERATOR_ONLY
        found = pattern.match(expression, position)
        if not found:
            return []
        tokens.append(_plain(found[0]))
        position = found.end()
    return tokens


def _plain(token: str) -> str:
    word = " ".join(token.lower().split())
    return _OPERATORS.get(word) or word.replace(",", "")


def _value(tokens: list[str]) -> Fraction | None:
    """Return what numbers and operators come to; None for a division by zero or a power too large."""
    if not tokens:
        return None
    try:
        return _sum(tokens)
    except (ZeroDivisionError, OverflowError):
        return None


def _sum(tokens: list[str]) -> Fraction:
    total, start, sign = Fraction(0), 0, 1
    for at in [*(i for i, token in enumerate(tokens) if token in ("+", "-") and i % 2), len(tokens)]:
        total += sign * _product(tokens[start:at])
        sign = -1 if tokens[at : at + 1] == ["-"] else 1
        start = at + 1
    return total


def _product(tokens: list[str]) -> Fraction:
    result, start, divide = Fraction(1), 0, False
    for at in [*(i for i, token in enumerate(tokens) if token in ("*", "/")), len(tokens)]:
        factor = _power(tokens[start:at])
        result = result / factor if divide else result * factor
        divide = tokens[at : at + 1] == ["/"]
        start = at + 1
    return result


def _power(tokens: list[str]) -> Fraction:
    if len(tokens) == 1:
        return Fraction(tokens[0])
    exponent = _power(tokens[2:])
    if exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT:
        raise OverflowError
    return Fraction(tokens[0]) ** int(exponent)

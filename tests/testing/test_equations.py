"""Arithmetic in text: computed exactly, and compared to the digits that are written."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.testing.equations import equations


@pytest.mark.parametrize(
    ("text", "left", "computed"),
    [
        ("7 x 8 = 56", "7*8", 56),
        ("7x8=56", "7*8", 56),
        ("56 = 7 times 8", "7*8", 56),
        ("7 multiplied by 8 equals 56", "7*8", 56),
        ("2 + 3 x 4 = 14", "2+3*4", 14),
        ("20 - 3 - 2 = 15", "20-3-2", 15),
        ("24 / 4 / 2 = 3", "24/4/2", 3),
        ("2 ** 3 ^ 2 = 512", "2^3^2", 512),
        ("3 - -2 = 5", "3--2", 5),
        ("1,000 + 24 = 1,024.", "1000+24", 1024),
        ("0.5 + 0.25 = 0.75", "0.5+0.25", Fraction(3, 4)),
        ("so (3 + 4 = 7) holds", "3+4", 7),
    ],
)
def test_calculations_are_read_and_computed(text, left, computed):
    """All spellings of an operator are one; precedence is that of school."""
    (equation,) = equations(text)
    assert (equation.left, equation.computed, equation.holds) == (left, computed, True)


@pytest.mark.parametrize(
    "text",
    [
        "x = 5",
        "2x + 3 = 9",
        "(1 + 2) x 3 = 9",
        "2 + 3 = 5x",
        "y + 2 - 1 = 8",
        "9 ^ 9 ^ 9 = 1",
        "$3 + 4 = 9",
        "v1.2 - 3 = 4",
    ],
)
def test_what_is_no_whole_calculation_is_left_alone(text):
    """Algebra, parts of longer terms, prices and versions are not checked."""
    assert equations(text) == []


@pytest.mark.parametrize(("text", "holds"), [("2 / 3 = 0.67", True), ("2 / 3 = 0.66", True), ("2 / 3 = 0.65", False)])
def test_rounding_and_cutting_are_allowed_in_the_last_digit(text, holds):
    """0.66 and 0.67 are both said for two thirds."""
    assert equations(text)[0].holds is holds


@given(st.integers(-999, 999), st.integers(1, 999), st.sampled_from("+-*/"), st.integers(-3, 3))
def test_a_statement_holds_exactly_if_it_is_true(a, b, sign, off):
    """Against exact arithmetic, for any numbers."""
    value = {"+": Fraction(a + b), "-": Fraction(a - b), "*": Fraction(a * b), "/": Fraction(a, b)}[sign]
    stated = value + off
    (equation,) = equations(f"We get {a} {sign} {b} = {stated}.")
    assert equation.computed == value
    assert equation.holds is (off == 0)

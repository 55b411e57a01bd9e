"""Typographic signs as their plain ASCII counterparts, so that each rule needs to know one spelling."""

_PLAIN = str.maketrans(
    {
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{MINUS SIGN}": "-",
        "\N{MULTIPLICATION SIGN}": "*",
        "\N{MIDDLE DOT}": "*",
        "\N{DIVISION SIGN}": "/",
        "\N{SUBSCRIPT TWO}": "2",
        "\N{NO-BREAK SPACE}": " ",
        "\N{NARROW NO-BREAK SPACE}": " ",
    }
)


def plain(text: str) -> str:
    r"""Return the text with plain quotation marks, dashes, spaces and operators.

    Example:
        >>> plain("don\N{RIGHT SINGLE QUOTATION MARK}t")
        "don't"
    """
    return text.translate(_PLAIN)

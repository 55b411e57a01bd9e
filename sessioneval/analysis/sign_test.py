"""The sign test: whether one of two wins more often than chance would let it."""

from math import comb


def sign_test_p(n_wins: int, n_losses: int) -> float:
    """Return the two-sided p value of the exact sign test; ties count for neither side.

    Use one win, tie or loss a session: turns of one session are not independent.

    Source: Dixon and Mood, "The Statistical Sign Test", JASA 41 (1946): under the null hypothesis the number of wins is
    binomial with probability 1/2.

    Raises:
        ValueError: A count is negative.

    Example:
        >>> sign_test_p(9, 1)
        0.021484375
        >>> sign_test_p(0, 0)
        1.0
    """
    if n_wins < 0 or n_losses < 0:
        raise ValueError(f"wins and losses are {n_wins!r} and {n_losses!r}; counts are 0 or more")
    n = n_wins + n_losses
    tail = sum(comb(n, k) for k in range(min(n_wins, n_losses) + 1))
    return min(1.0, 2 * tail / (1 << n))

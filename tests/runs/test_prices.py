"""Money: an unknown price is not a free one, and cached tokens are neither free nor full."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.errors import InputError
from sessioneval.model.evaluation import Usage
from sessioneval.runs.prices import Price, Prices

COUNT = st.integers(0, 10_000_000)


def test_list_prices_count_each_kind_of_token_once():
    """Cached tokens are part of the input tokens; charging both would overstate a warm cache tenfold."""
    million = 1_000_000
    cold = Prices().cost_usd("gpt-4o-mini", Usage(calls=1, input_tokens=million))
    warm = Prices().cost_usd("gpt-4o-mini", Usage(calls=1, input_tokens=million, cached_tokens=million))
    answer = Prices().cost_usd("gpt-4o-mini", Usage(calls=1, output_tokens=million))
    assert (cold, warm, answer) == pytest.approx((0.15, 0.075, 0.60))


def test_a_provider_before_the_name_is_understood():
    """OpenRouter and LiteLLM name models so."""
    usage = Usage(calls=1, input_tokens=1_000)
    assert Prices().cost_usd("openai/gpt-4o", usage) == Prices().cost_usd("gpt-4o", usage) is not None


def test_a_model_without_a_price_has_no_cost():
    """0 would pass for free."""
    assert Prices().cost_usd("my-own-model", Usage(calls=1, input_tokens=5)) is None
    assert Prices().saved_usd("my-own-model", Usage(calls=1, input_tokens=5)) is None


def test_no_call_costs_nothing():
    """Code evaluators and reused judgements."""
    assert Prices().cost_usd(None, Usage()) == 0.0


def test_batch_and_flex_cost_half():
    """The reason to wait for them."""
    usage = Usage(calls=1, input_tokens=1_000, output_tokens=1_000)
    standard = Prices().cost_usd("gpt-4o", usage)
    assert standard is not None
    for tier in ("batch", "flex"):
        assert Prices(service_tier=tier).cost_usd("gpt-4o", usage) == pytest.approx(standard / 2)


@given(COUNT, COUNT, COUNT)
def test_what_the_cache_saved_and_what_was_paid_add_up(fresh, cached, written):
    """The report shows both; they must be one sum."""
    prices = Prices(table={"m": Price(input=1.0, output=4.0, cached=0.1, cache_write=1.25)})
    usage = Usage(calls=1, input_tokens=fresh + cached + written, cached_tokens=cached, cache_write_tokens=written)
    paid, saved = prices.cost_usd("m", usage), prices.saved_usd("m", usage)
    assert paid == pytest.approx((fresh + 0.1 * cached + 1.25 * written) / 1e6)
    assert paid + saved == pytest.approx((fresh + cached + written) / 1e6)


def test_the_users_table_counts_before_the_list(tmp_path):
    """Negotiated prices and models of one's own."""
    path = tmp_path / "prices.toml"
    path.write_text('[models."gpt-4o"]\ninput = 1\noutput = 2.5\n\n[models.mine]\ninput = 0\noutput = 0\n')
    prices = Prices.from_file(path)
    assert prices.cost_usd("gpt-4o", Usage(calls=1, input_tokens=1_000_000)) == 1.0
    assert prices.cost_usd("mine", Usage(calls=1, input_tokens=1_000_000)) == 0.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no prices"),
        ("models = 3", "has no prices"),
        ("[models]\na = 1", "prices of 'a' are 1"),
        ("[models.a]\ninput = 1", "lack 'output'"),
        ("[models.a]\ninput = -1\noutput = 1", "input of 'a' is -1"),
        ("[models.a]\ninput = true\noutput = 1", "input of 'a' is True"),
        ("[models.a]\ninput = inf\noutput = 1", "input of 'a' is inf"),
        ("[models.a]\ninput = 1\noutputs = 1", "did you mean 'output'"),
        ("[", "not valid"),
    ],
)
def test_a_wrong_price_file_says_what_is_wrong(tmp_path, text, said):
    """A typo in a price would spend the budget at the wrong rate."""
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(InputError, match="price file") as caught:
        Prices.from_file(path)
    assert said in str(caught.value)


def test_a_missing_price_file_is_named(tmp_path):
    """The path is what the user has to mend."""
    with pytest.raises(InputError, match="nowhere"):
        Prices.from_file(tmp_path / "nowhere.toml")

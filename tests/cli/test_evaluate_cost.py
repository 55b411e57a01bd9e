"""`sessioneval evaluate`: what it costs, before, during and after."""

import json

import pandas as pd
import pytest

from sessioneval.analysis.frames import evaluations_df
from sessioneval.testing.server import StandIn

PRICES = "[models.stand-in]\ninput = 1000\noutput = 1000\n"


@pytest.fixture
def stand_in():
    """The stand-in model on a free port."""
    with StandIn() as server:
        yield server


@pytest.fixture
def prices(tmp_path):
    """A price for the stand-in, high enough to be seen."""
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return str(path)


def judge(server, *names):
    """Return arguments that judge by the stand-in."""
    return [*names, "--model", "stand-in", "--base-url", server.base_url]


def test_a_dry_run_prints_calls_tokens_and_money_and_asks_nothing(run, store, stand_in, prices):
    """Before the first paid call a person sees what it will be."""
    result = run("evaluate", store, *judge(stand_in, "coherence", "frustration"), "--dry-run", "--prices", prices)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert "dry run, nothing was asked: 3 sessions, 6 evaluations to make, 0 reused" in lines
    assert lines[-1].startswith("at most ")
    assert lines[-1].endswith("tokens by estimate")
    assert stand_in.stats["requests"] == 0
    assert evaluations_df(store).empty


def test_a_dry_run_needs_no_key(run, store, monkeypatch):
    """Nothing is asked, so whoever has no key yet may know what it would cost."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    result = run("evaluate", store, "coherence", "--model", "gpt-4o-mini", "--dry-run")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "at most 0." in result.stdout


def test_a_dry_run_for_programs(run, store, stand_in):
    """JSON holds the sums, the other formats a row a model; without a price the money is null."""
    answer = json.loads(run("evaluate", store, *judge(stand_in, "coherence"), "--dry-run", "--format", "json").stdout)
    assert (answer["sessions"], answer["evaluations"], answer["cost_usd"]) == (3, 3, None)
    assert [model["calls"] for model in answer["models"]] == [3]
    text = run("evaluate", store, *judge(stand_in, "coherence"), "--dry-run").stdout
    assert "no price for a model (give --prices)" in text


def test_a_dry_run_of_a_session_prints_the_exact_prompt(run, store, stand_in):
    """What the judge would read, message by message."""
    result = run("evaluate", store, *judge(stand_in, "coherence"), "--dry-run", "--session", "first")
    assert "--- coherence, call 1, system ---" in result.stdout
    assert "Question 0 about the long division" in result.stdout
    assert "Evaluator: coherence" in result.stdout
    rows = run(
        "evaluate", store, *judge(stand_in, "coherence"), "--dry-run", "--session", "first", "--format", "jsonl"
    ).stdout
    assert [json.loads(row)["role"] for row in rows.splitlines()] == ["system", "user", "user"]
    nothing = run("evaluate", store, "turn_count", "--dry-run", "--session", "first").stdout
    assert nothing.startswith("no prompt")


def test_the_budget_stops_the_run_with_exit_code_4_and_the_next_run_goes_on(run, store, stand_in, prices):
    """What is left is rows that say why; nothing is judged twice."""
    names = ["coherence", "frustration", "goal_completion"]
    money = ["--prices", prices, "--budget-usd", "0.001", "--concurrency", "1"]
    stopped = run("evaluate", store, *judge(stand_in, *names), *money)
    assert stopped.exit_code == 4
    assert "1 new, 0 reused, 0 failed, 8 skipped (over_budget 8)" in stopped.stdout
    assert "the budget is spent" in stopped.stderr
    assert stand_in.stats["requests"] == 1
    frame = evaluations_df(store)
    assert frame["reason"].dropna().unique().tolist() == ["over_budget"]
    assert frame["cost_usd"].sum() > 0.001
    done = run("evaluate", store, *judge(stand_in, *names), "--prices", prices)
    assert (done.exit_code, stand_in.stats["requests"]) == (0, 9)
    assert "8 new, 1 reused, 0 failed, 0 skipped" in done.stdout


def test_a_budget_in_tokens_needs_no_price(run, store, stand_in):
    """The stand-in is in no price list."""
    result = run("evaluate", store, *judge(stand_in, "coherence"), "--budget-tokens", "1", "--concurrency", "1")
    assert (result.exit_code, stand_in.stats["requests"]) == (4, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--budget-usd", "1"], "needs the price of model 'stand-in'"),
        (["--budget-usd", "0"], "budget in usd is 0"),
        (["--prices", "nowhere.toml"], "price file 'nowhere.toml'"),
        (["--repeats", "0"], "repeats is 0"),
        (["--min-confidence", "7", "--repeats", "2"], "min_confidence is 7"),
        (["--max-loss", "2"], "max_loss 2.0 is not a share"),
        (["--batch", "--budget-tokens", "5"], "cannot stop a batch"),
        (["--batch", "--service-tier", "flex"], "does not go with a batch"),
        (["--service-tier", "fast"], "'fast' is not one of 'standard', 'flex'"),
        (["--reference", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_asked(run, store, stand_in, options, said):
    """Exit code 2, one line, nothing paid."""
    result = run("evaluate", store, *judge(stand_in, "correctness"), *options)
    assert result.exit_code == 2, result.stdout
    assert said in result.stderr
    assert stand_in.stats["requests"] == 0


def test_flex_is_asked_for_and_costs_half(run, store, stand_in, prices):
    """The tier stands on each request."""
    run("evaluate", store, *judge(stand_in, "coherence"), "--prices", prices)
    standard = evaluations_df(store)["cost_usd"].sum()
    again = ["--prices", prices, "--service-tier", "flex", "--repeats", "2"]
    run("evaluate", store, *judge(stand_in, "coherence"), *again)
    votes = evaluations_df(store, history=True)
    flexible = votes[votes["vote_of"].notna()]["cost_usd"].sum()
    assert flexible == pytest.approx(standard, rel=0.05)


def test_votes_are_rows_and_the_verdict_is_theirs(run, store, stand_in):
    """Three sessions, two models, twice each: twelve votes and three verdicts."""
    result = run("evaluate", store, *judge(stand_in, "coherence"), "--panel", "other", "--repeats", "2")
    assert "3 sessions, 3 evaluations: 3 new" in result.stdout
    history = evaluations_df(store, history=True)
    assert (history["vote_of"].notna().sum(), history["vote_of"].isna().sum()) == (12, 3)
    assert set(history[history["vote_of"].notna()]["model"]) == {"stand-in", "other"}
    assert len(evaluations_df(store)) == 3


def test_a_batch_run_says_how_far_it_is(run, store, stand_in):
    """A line on stderr whenever something has changed."""
    result = run("evaluate", store, *judge(stand_in, "coherence"), "--batch", "--poll", "0s")
    assert result.exit_code == 0
    assert "3 new, 0 reused, 0 failed" in result.stdout
    assert "1 of 1 batches ended, 3 of 3 requests done" in result.stderr


def test_references_come_from_a_table(run, store, stand_in, tmp_path):
    """A rubric with a reference skips sessions that have none."""
    rubric = tmp_path / "met.toml"
    rubric.write_text(
        'name = "met"\nversion = "1"\nquestion = "Was the goal met?"\nreference = ["user_goal"]\n[labels]\nyes = 1\nno = 0\n'
    )
    table = tmp_path / "goals.csv"
    pd.DataFrame({"session_id": ["first"], "user_goal": ["Learn to divide."]}).to_csv(table, index=False)
    result = run("evaluate", store, *judge(stand_in, str(rubric)), "--reference", str(table))
    assert "1 new, 0 reused, 0 failed, 2 skipped (no_reference 2)" in result.stdout

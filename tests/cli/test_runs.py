"""`sessioneval runs`."""

import json

from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn


def test_each_run_is_a_row_with_its_counts_and_state(run, store):
    """What was done last night, and what did it cost."""
    run("evaluate", store, "turn_count")
    with StandIn(Faults(refusal_rate=1.0)) as server:
        failed = run("evaluate", store, "coherence", "--model", "stand-in", "--base-url", server.base_url)
    assert failed.exit_code == 3
    shown = run("runs", store)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout.splitlines()[0].strip() == "2 runs"
    assert shown.stdout.count("finished") == 2
    first, second = json.loads(run("runs", store, "--format", "json").stdout)
    assert (first["evaluators"], first["n_evaluated"], first["calls"]) == (["turn_count"], 3, 0)
    assert (second["models"], second["n_failed"], second["calls"], second["state"]) == (["stand-in"], 3, 6, "finished")


def test_retrying_the_failed_is_an_option(run, store):
    """And nothing else is judged with it."""
    with StandIn(Faults(refusal_rate=1.0)) as server:
        run("evaluate", store, "coherence", "--session", "first", "--model", "m", "--base-url", server.base_url)
    with StandIn() as server:
        again = run("evaluate", store, "coherence", "--retry-failed", "--model", "m", "--base-url", server.base_url)
        assert server.stats["requests"] == 1
    assert again.stdout.splitlines()[-1].startswith("3 sessions, 1 evaluations: 1 new, 0 reused, 0 failed")


def test_an_endpoint_that_was_given_up_is_a_warning(run, store):
    """Exit code 3, and one line that says what to look at."""
    with StandIn(api_key="the-right-key") as server:
        judged = ["--model", "m", "--base-url", server.base_url, "--api-key", "a-wrong-key"]
        result = run("evaluate", store, "coherence", "frustration", *judged)
    assert result.exit_code == 3
    assert "warning: not asked:" in result.stderr
    assert "a-wrong-key" not in result.output


def test_a_store_without_runs_has_an_empty_list(run, store):
    """Nothing was judged yet."""
    assert run("runs", store).stdout.splitlines()[0].strip() == "0 runs"

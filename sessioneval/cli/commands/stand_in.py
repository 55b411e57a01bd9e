"""`sessioneval stand-in`: an OpenAI-compatible server that answers by rules."""

import click

from sessioneval.cli.output import note


@click.command("stand-in")
@click.option("--port", type=int, default=8399, show_default=True, help="0 takes a free one.")
@click.option("--latency", type=float, default=0.0, show_default=True, help="Seconds before each answer.")
@click.option("--rate-limit", type=float, help="Requests a minute; more are answered by 429.")
@click.option("--error-rate", type=float, default=0.0, show_default=True, help="Share answered by 500.")
@click.option(
    "--garble-rate", type=float, default=0.0, show_default=True, help="Share answered by text that is no JSON."
)
@click.option("--hang-rate", type=float, default=0.0, show_default=True, help="Share never answered.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which requests meet a fault.")
def command(
    *,
    port: int,
    latency: float,
    rate_limit: float | None,
    error_rate: float,
    garble_rate: float,
    hang_rate: float,
    seed: int,
) -> None:
    """Serve the stand-in model on this machine until Ctrl-C.

    It speaks the OpenAI chat completions protocol and answers by written rules. It is not a language model: use it to
    try things out and to test, never to judge real sessions.
    """
    # Needs the extra `demo`; --help works without it.
    from sessioneval.testing.faults import Faults
    from sessioneval.testing.server import serve

    faults = Faults(
        seed=seed,
        latency_seconds=latency,
        rate_limit_per_minute=rate_limit,
        error_rate=error_rate,
        garble_rate=garble_rate,
        hang_rate=hang_rate,
    )
    serve(port, faults, on_ready=lambda base_url: note(f"the stand-in (not a language model) listens on {base_url}"))

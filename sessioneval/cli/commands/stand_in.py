"""`sessioneval stand-in`: an OpenAI-compatible server that answers by rules."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from sessioneval.cli.output import note

if TYPE_CHECKING:
    from sessioneval.testing.oracle import NoisyOracle

_SHARES = {
    "error": "Share answered by 500.",
    "too-many-requests": "Share answered by 429 at any pace.",
    "hang": "Share never answered.",
    "reset": "Share whose connection is reset.",
    "garble": "Share answered by text that is no JSON.",
    "truncate": "Share cut off in the middle.",
    "bad-label": "Share of judge answers with a label of no rubric.",
    "refusal": "Share answered by a refusal.",
    "slow": "Share whose bytes trickle in.",
}


def _share_options(command: Callable[..., None]) -> Callable[..., None]:
    for fault, text in reversed(_SHARES.items()):
        command = click.option(f"--{fault}-rate", type=float, default=0.0, show_default=True, help=text)(command)
    return command


@click.command("stand-in")
@click.option("--port", type=int, default=8399, show_default=True, help="0 takes a free one.")
@click.option("--api-key", help="Asked for as bearer token.")
@click.option(
    "--answerer",
    type=click.Choice(["rules", "first-label", "constant"]),
    default="rules",
    show_default=True,
    help="What answers: the written rules; the first label of each question; the same without reading, the fastest.",
)
@click.option(
    "--latency",
    default="0",
    show_default=True,
    help="Seconds before each answer: a number, uniform:LOW,HIGH or lognormal:P50,P95.",
)
@click.option("--rpm", "--rate-limit", "requests_per_minute", type=float, help="Requests a minute; more get 429.")
@click.option("--tpm", "tokens_per_minute", type=float, help="Tokens of prompts a minute; more get 429.")
@click.option(
    "--burst-seconds", type=float, default=1.0, show_default=True, help="Seconds' worth that may come at once."
)
@_share_options
@click.option("--retry-after-seconds", type=float, default=1.0, show_default=True, help="What those 429 ask to wait.")
@click.option("--slow-seconds", type=float, default=1.0, show_default=True, help="How long the slow ones take.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Which requests meet a fault, and which labels err."
)
@click.option("--refuse", "refuses", multiple=True, metavar="CAPABILITY", help="Such as json_schema; repeatable.")
@click.option(
    "--prompt-cache",
    type=click.Choice(["automatic", "breakpoint", "none"]),
    default="automatic",
    show_default=True,
    help="How prompts are cached and billed.",
)
@click.option("--batch-polls", type=int, default=3, show_default=True, help="Looks until a batch has ended.")
@click.option(
    "--truth", type=click.Path(), help="Answer by the labels in this file of JSON lines, with the noise below."
)
@click.option("--sensitivity", type=float, default=1.0, show_default=True, help="Share of positives labelled so.")
@click.option("--specificity", type=float, default=1.0, show_default=True, help="Share of negatives labelled so.")
@click.option("--abstention", type=float, default=0.0, show_default=True, help="Share answered by unsure.")
@click.option(
    "--length-bias",
    type=float,
    default=0.0,
    show_default=True,
    help="Added to the chance of a positive label for each 1,000 characters.",
)
@click.option("--flip-rate", type=float, default=0.0, show_default=True, help="Share of repeats with another label.")
@click.option("--leniency", multiple=True, metavar="COHORT=SHARE", help="Added to the chance for a cohort; repeatable.")
def command(port: int, latency: str, batch_polls: int, **options: Any) -> None:
    """Serve the stand-in model on this machine until Ctrl-C.

    It speaks the OpenAI protocol (chat completions, files, batches) and answers by written rules, or by known labels
    with known errors. It is not a language model: use it to try things out and to test, never to judge real sessions.
    """
    # Needs the extra `demo`; --help works without it.
    from sessioneval.testing.batch_script import BatchScript
    from sessioneval.testing.faults import Faults
    from sessioneval.testing.latency import parse_latency
    from sessioneval.testing.server import serve

    oracle = _oracle(options)
    kept = {name: options.pop(name) for name in ("api_key", "answerer", "refuses", "prompt_cache")}
    serve(
        port,
        Faults(latency_seconds=parse_latency(latency), **options),
        on_ready=lambda base_url: note(f"the stand-in (not a language model) listens on {base_url}"),
        batches=BatchScript(polls=batch_polls),
        **kept | ({"answerer": oracle} if oracle else {}),
    )


def _oracle(options: dict[str, Any]) -> "NoisyOracle | None":
    """Take the oracle's options out of the others; None without a file of truths."""
    from sessioneval.testing.oracle import Noise, NoisyOracle
    from sessioneval.testing.truth_file import read_truths

    path, leniency = options.pop("truth"), options.pop("leniency")
    names = ("sensitivity", "specificity", "abstention", "length_bias", "flip_rate")
    noise = Noise(**{name: options.pop(name) for name in names}, leniency=dict(map(_cohort_share, leniency)))
    return NoisyOracle(read_truths(path), noise, seed=options["seed"]) if path else None


def _cohort_share(text: str) -> tuple[str, float]:
    cohort, _, share = text.partition("=")
    try:
        return cohort, float(share)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not COHORT=SHARE, such as b=0.1", param_hint="--leniency") from error

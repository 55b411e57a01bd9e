"""An app that knows nothing of stores: the OTel API, `session()`, and whatever the environment sets up."""

from opentelemetry import trace

from sessioneval.instrument.session_scope import session


def main() -> None:
    with session("chat-42", source="web") as chat:
        trace.get_tracer("app").start_span("turn").end()
        chat.complete()


if __name__ == "__main__":
    main()

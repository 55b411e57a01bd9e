"""Which setting of the queue wins."""

import pytest

from sessioneval.errors import InputError
from sessioneval.instrument.batch_queue import BatchQueue, batch_queue


def test_the_defaults_take_a_burst():
    """The SDK's 2,048 drops spans of one busy agent run."""
    assert batch_queue(None, None, None) == BatchQueue(
        schedule_delay_millis=5_000, max_queue_size=131_072, max_export_batch_size=4_096
    )


def test_the_otel_variables_win_over_our_defaults_and_arguments_over_both(monkeypatch):
    """Operators set OTEL_BSP_*; code that names a value means it."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "50")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
    assert batch_queue(7, None, 5) == BatchQueue(schedule_delay_millis=7, max_queue_size=50, max_export_batch_size=5)


def test_a_variable_that_is_no_number_is_named_and_ignored(monkeypatch, caplog):
    """As the SDK does: a typing error in the environment must not stop the app."""
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "many")
    assert batch_queue(None, None, None).max_queue_size == 131_072
    assert "OTEL_BSP_MAX_QUEUE_SIZE is 'many'" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, None, None), "schedule_delay_millis is 0"),
        ((None, -1, 1), "max_queue_size is -1"),
        ((None, None, 0), "max_export_batch_size is 0"),
        ((None, 10, 20), "max_export_batch_size 20 is larger than max_queue_size 10"),
    ],
)
def test_impossible_settings_are_refused_with_their_values(arguments, message):
    """At start-up, where the developer sees it, and not as lost spans later."""
    with pytest.raises(InputError, match=message):
        batch_queue(*arguments)

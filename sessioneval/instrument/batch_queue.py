"""How spans wait for their export: sizes and delay of the batch processors."""

import logging
import os
from dataclasses import dataclass

from opentelemetry.sdk.environment_variables import (
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
    OTEL_BSP_MAX_QUEUE_SIZE,
    OTEL_BSP_SCHEDULE_DELAY,
)

from sessioneval.errors import InputError

SCHEDULE_DELAY_MILLIS = 5_000
# The SDK's 2,048 and 512 drop spans in a burst: an agent's run ends hundreds of spans within milliseconds.
MAX_QUEUE_SIZE = 131_072
MAX_EXPORT_BATCH_SIZE = 4_096

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BatchQueue:
    """Settings of a `BatchSpanProcessor`: a delay in milliseconds, sizes in spans."""

    schedule_delay_millis: int
    max_queue_size: int
    max_export_batch_size: int


def batch_queue(
    schedule_delay_millis: int | None, max_queue_size: int | None, max_export_batch_size: int | None
) -> BatchQueue:
    """Settle each value: the argument if given, else its ``OTEL_BSP_*`` variable, else our default.

    Raises:
        InputError: A value is not positive, or the batch is larger than the queue.

    Example:
        >>> batch_queue(500, 1_000, None)
        BatchQueue(schedule_delay_millis=500, max_queue_size=1000, max_export_batch_size=1000)
    """
    delay = _settled(schedule_delay_millis, OTEL_BSP_SCHEDULE_DELAY, SCHEDULE_DELAY_MILLIS)
    queue_size = _settled(max_queue_size, OTEL_BSP_MAX_QUEUE_SIZE, MAX_QUEUE_SIZE)
    batch_size = _settled(max_export_batch_size, OTEL_BSP_MAX_EXPORT_BATCH_SIZE, min(MAX_EXPORT_BATCH_SIZE, queue_size))
    for name, value in (
        ("schedule_delay_millis", delay),
        ("max_queue_size", queue_size),
        ("max_export_batch_size", batch_size),
    ):
        if value <= 0:
            raise InputError(f"{name} is {value!r}; it must be a positive number, or None for the default")
    if batch_size > queue_size:
        raise InputError(
            f"max_export_batch_size {batch_size!r} is larger than max_queue_size {queue_size!r}; "
            "a batch is taken from the queue: raise the queue or lower the batch"
        )
    return BatchQueue(schedule_delay_millis=delay, max_queue_size=queue_size, max_export_batch_size=batch_size)


def _settled(argument: int | None, variable: str, default: int) -> int:
    if argument is not None:
        return argument
    text = os.environ.get(variable, "").strip()
    try:
        return int(text) if text else default
    except ValueError:
        _logger.warning("%s is %r, which is no whole number; %d is used", variable, text, default)
        return default

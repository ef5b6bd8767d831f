"""A worker's connection to its queues: the worker survives that it is lost."""

from __future__ import annotations

from typing import Any

from celery.worker.consumer import Consumer


class LastingConsumer(Consumer):
    """Celery's consumer, which ends its worker when Redis goes while a task is in hand.

    Closing the lost connection would put that task's message back, and the task's end
    would acknowledge it: both ask a connection that has forgotten its address. That is
    an AttributeError, which Celery (5.7) does not take for a lost connection, so the
    whole worker would end.
    """

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Abandon what came over the lost connection: Redis gives it out again later.

        Args:
            exc: how the connection was lost.
        """
        transport = getattr(self.connection, "_transport", None)
        for channel in list(getattr(transport, "channels", None) or ()):
            channel.do_restore = False
            channel.basic_ack = channel.basic_reject = _ignored
        super().on_connection_error_after_connected(exc)


def _ignored(*_arguments: Any, **_options: Any) -> None:
    """Acknowledge nothing."""

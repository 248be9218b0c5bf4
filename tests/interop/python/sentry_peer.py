"""Sentry's SDK: its WSGI middleware in front, its instrumentation of http.client behind."""

from urllib.parse import quote

import sentry_sdk
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from sentry_sdk.transport import Transport

RATES = {"sampled": 1.0, "unsampled": 0.0, "deferred": None}


class NoTransport(Transport):
    """Takes every envelope and sends none."""

    def capture_envelope(self, envelope):
        pass


class Sdk:
    version = f"sentry-sdk {sentry_sdk.VERSION}"

    def __init__(self, decision):
        self.decision = decision
        sentry_sdk.init(
            dsn="https://public@o42.ingest.sentry.invalid/1",
            release="peer@1.0",
            environment="interop test",
            traces_sample_rate=RATES[decision],
            transport=NoTransport,
        )

    def middleware(self, app):
        return SentryWsgiMiddleware(app)

    def continued(self, _environ, work):
        """Called inside of the transaction that the middleware has opened."""
        context = sentry_sdk.get_isolation_scope().get_active_propagation_context()
        members = context.baggage.sentry_items if context.parent_span_id and context.baggage else {}
        names = {True: "sampled", False: "unsampled", None: "deferred"}
        return work(
            {
                "trace_id": context.trace_id,
                "parent_id": context.parent_span_id,
                "decision": names[context.parent_sampled] if context.parent_span_id else None,
                "baggage": [[f"sentry-{key}", value] for key, value in members.items()],
            }
        )

    def begin(self, _baggage, work):
        with sentry_sdk.isolation_scope() as scope:
            scope.set_new_propagation_context()
            if self.decision == "deferred":
                trace_id = scope.get_active_propagation_context().trace_id
                return work({"trace_id": trace_id, "decision": "deferred"})
            with sentry_sdk.start_transaction(name="peer call", op="task") as transaction:
                decision = "sampled" if transaction.sampled else "unsampled"
                return work({"trace_id": transaction.trace_id, "decision": decision})

    def outgoing(self, baggage, work):
        """The SDK has no baggage of its own: an application sets the header, and the SDK adds to it."""
        members = ",".join(f"{key}={quote(value, safe='')}" for key, value in baggage or [])
        return work({"baggage": members} if members else {})

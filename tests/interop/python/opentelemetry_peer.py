"""OpenTelemetry's SDK with the propagators that it uses by default."""

from importlib.metadata import version

from opentelemetry import baggage as otel_baggage
from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased


class Sdk:
    version = f"opentelemetry-sdk {version('opentelemetry-sdk')}"

    def __init__(self, decision):
        provider = TracerProvider(sampler=ParentBased(ALWAYS_ON if decision == "sampled" else ALWAYS_OFF))
        self.tracer = provider.get_tracer("peer")

    def middleware(self, app):
        return app

    def continued(self, environ, work):
        received = {}
        for name, value in environ["peer.headers"]:
            received.setdefault(name, []).append(value)
        parent = propagate.extract(received, Context())
        remote = trace.get_current_span(parent).get_span_context()
        report = {
            "parent_id": f"{remote.span_id:016x}" if remote.is_valid else None,
            "decision": decision_of(remote) if remote.is_valid else None,
            "baggage": [list(pair) for pair in otel_baggage.get_all(parent).items()],
        }
        return self.within(parent, lambda span: work(report | {"trace_id": f"{span.trace_id:032x}"}))

    def begin(self, baggage, work):
        base = Context()
        for key, value in baggage or []:
            base = otel_baggage.set_baggage(key, value, base)
        return self.within(
            base, lambda span: work({"trace_id": f"{span.trace_id:032x}", "decision": decision_of(span)})
        )

    def outgoing(self, _baggage, work):
        def call(span):
            headers = {}
            propagate.inject(headers)
            return work(headers) | {"sent_by": f"{span.span_id:016x}"}

        return self.within(context.get_current(), call)

    def within(self, parent, work):
        span = self.tracer.start_span("peer", parent)
        token = context.attach(trace.set_span_in_context(span, parent))
        try:
            return work(span.get_span_context())
        finally:
            context.detach(token)
            span.end()


def decision_of(span):
    return "sampled" if span.trace_flags.sampled else "unsampled"

// OpenTelemetry's SDK with the propagators that it registers by default.

import { createRequire } from 'node:module';
import { ROOT_CONTEXT, SpanKind, TraceFlags, context, propagation, trace } from '@opentelemetry/api';
import { AlwaysOffSampler, AlwaysOnSampler, NodeTracerProvider, ParentBasedSampler } from '@opentelemetry/sdk-trace-node';

const { version } = createRequire(import.meta.url)('@opentelemetry/sdk-trace-node/package.json');

export default function (decision) {
  const root = decision === 'sampled' ? new AlwaysOnSampler() : new AlwaysOffSampler();
  const provider = new NodeTracerProvider({ sampler: new ParentBasedSampler({ root }) });
  provider.register();
  const tracer = provider.getTracer('peer');
  const name = (span) => (span.traceFlags & TraceFlags.SAMPLED ? 'sampled' : 'unsampled');

  const within = async (kind, parent, work) => {
    const span = tracer.startSpan('peer', { kind }, parent);
    try {
      return await context.with(trace.setSpan(parent, span), () => work(span.spanContext()));
    } finally {
      span.end();
    }
  };

  return {
    version: `@opentelemetry/sdk-trace-node ${version}`,

    continued(request, work) {
      const parent = propagation.extract(ROOT_CONTEXT, request.headers);
      const remote = trace.getSpanContext(parent);
      const entries = propagation.getBaggage(parent)?.getAllEntries() ?? [];
      return within(SpanKind.SERVER, parent, (span) =>
        work({
          trace_id: span.traceId,
          parent_id: remote?.spanId ?? null,
          decision: remote ? name(remote) : null,
          baggage: entries.map(([key, { value }]) => [key, value]),
        }),
      );
    },

    begin(baggage, work) {
      const entries = Object.fromEntries((baggage ?? []).map(([key, value]) => [key, { value }]));
      const base = baggage ? propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage(entries)) : ROOT_CONTEXT;
      return within(SpanKind.INTERNAL, base, (span) => work({ trace_id: span.traceId, decision: name(span) }));
    },

    outgoing(_baggage, work) {
      return within(SpanKind.CLIENT, context.active(), (span) => {
        const headers = {};
        propagation.inject(context.active(), headers);
        return work(headers).then((next) => ({ ...next, sent_by: span.spanId }));
      });
    },
  };
}

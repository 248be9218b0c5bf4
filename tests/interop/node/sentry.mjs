// Sentry's SDK, with its own instrumentation of node:http on both sides.

import * as Sentry from '@sentry/node';

const RATES = { sampled: 1, unsampled: 0, deferred: undefined };

export default function (decision, flags) {
  const client = Sentry.init({
    dsn: 'https://public@o42.ingest.sentry.invalid/1',
    release: 'peer@1.0',
    environment: 'interop test',
    tracesSampleRate: RATES[decision],
    propagateTraceparent: flags.includes('traceparent'),
    // Takes every envelope and sends none.
    transport: (options) => Sentry.createTransport(options, async () => ({ statusCode: 200 })),
  });

  const propagation = () => Sentry.getCurrentScope().getPropagationContext();
  const name = (sampled) => (sampled === undefined ? 'deferred' : sampled ? 'sampled' : 'unsampled');

  return {
    version: `@sentry/node ${Sentry.SDK_VERSION}`,

    // Called inside of the span that the SDK has opened for the request.
    continued(request, work) {
      const { traceId, parentSpanId, sampled, dsc } = propagation();
      const span = Sentry.getActiveSpan();
      return work({
        trace_id: span?.spanContext().traceId ?? traceId,
        parent_id: parentSpanId ?? null,
        decision: parentSpanId ? name(sampled) : null,
        baggage: Object.entries(dsc ?? {}).map(([key, value]) => [`sentry-${key}`, value]),
      });
    },

    begin(baggage, work) {
      return Sentry.startNewTrace(() =>
        Sentry.startSpan({ name: 'peer call', op: 'task' }, (span) => {
          const traceId = client.getOptions().tracesSampleRate === undefined
            ? propagation().traceId
            : span.spanContext().traceId;
          return work({ trace_id: traceId, decision });
        }),
      );
    },

    // The SDK has no baggage of its own: an application sets the header, and the SDK adds to it.
    outgoing(baggage, work) {
      const list = (baggage ?? []).map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join(',');
      return work(list ? { baggage: list } : {});
    },
  };
}

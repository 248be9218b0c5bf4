use opentelemetry::Context as Current;
use opentelemetry::trace::TraceContextExt;
use sentry_core::protocol::{Context, Event, TraceContext};
use sentry_core::{ClientOptions, Integration};

/// Puts Sentry's events into the trace that is current where they are captured.
///
/// By themselves, Sentry's errors and messages carry a trace of Sentry's own, which nobody else knows.
/// With this they carry the current trace id and the id of the current span. Where a trace is only
/// passed on, they carry its id, and the caller's span as their parent; where there is none, they stay
/// as they are.
///
/// ```
/// use sentry_core::ClientOptions;
/// use throughline::otel::SentryIntegration;
///
/// let options = ClientOptions::default().add_integration(SentryIntegration);
/// // let _sentry = sentry::init(options);
/// # assert_eq!(options.integrations.len(), 1);
/// ```
///
/// Spans of Sentry's own are not looked at: who opens them beside OpenTelemetry's has two trees.
#[derive(Clone, Copy, Debug, Default)]
pub struct SentryIntegration;

impl Integration for SentryIntegration {
    fn name(&self) -> &'static str {
        "throughline"
    }

    fn process_event(
        &self,
        mut event: Event<'static>,
        _: &ClientOptions,
    ) -> Option<Event<'static>> {
        Current::map_current(|cx| join(&mut event, cx));
        Some(event)
    }
}

fn join(event: &mut Event<'static>, cx: &Current) {
    let span = cx.span();
    let span = span.span_context();
    if !span.is_valid() {
        return;
    }
    let trace = event.contexts.entry("trace".to_owned());
    let trace = trace.or_insert_with(|| TraceContext::default().into());
    let Context::Trace(trace) = trace else { return };
    trace.trace_id = span.trace_id().to_bytes().into();
    let span_id = span.span_id().to_bytes().into();
    if span.is_remote() {
        trace.parent_span_id = Some(span_id);
    } else {
        (trace.span_id, trace.parent_span_id) = (span_id, None);
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Error;

    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
    use sentry_core::test::with_captured_events_options;

    use super::*;

    const TRACE: TraceId = TraceId::from_bytes([7; 16]);
    const SPAN: SpanId = SpanId::from_bytes([9; 8]);

    /// The trace of an error that is captured where this context is current.
    fn captured(cx: Current) -> TraceContext {
        let options = ClientOptions::default().add_integration(SentryIntegration);
        let capture = || {
            let _current = cx.attach();
            sentry_core::capture_error(&Error);
        };
        let mut events = with_captured_events_options(capture, options);
        match events.remove(0).contexts.remove("trace") {
            Some(Context::Trace(trace)) => *trace,
            other => panic!("no trace, but {other:?}"),
        }
    }

    fn inside(flags: TraceFlags, is_remote: bool) -> Current {
        let span = SpanContext::new(TRACE, SPAN, flags, is_remote, TraceState::NONE);
        Current::new().with_remote_span_context(span)
    }

    #[test]
    fn an_event_belongs_to_the_current_span_whether_it_is_sampled_or_not() {
        for flags in [TraceFlags::SAMPLED, TraceFlags::NOT_SAMPLED] {
            let trace = captured(inside(flags, false));
            assert_eq!(trace.trace_id, TRACE.to_bytes().into());
            assert_eq!((trace.span_id, trace.parent_span_id), (SPAN.to_bytes().into(), None));
        }
    }

    #[test]
    fn the_span_of_a_caller_is_the_parent_of_an_event_and_not_its_span() {
        let trace = captured(inside(TraceFlags::SAMPLED, true));
        assert_eq!(trace.trace_id, TRACE.to_bytes().into());
        assert_eq!(trace.parent_span_id, Some(SPAN.to_bytes().into()));
        assert_ne!(trace.span_id, SPAN.to_bytes().into());
    }

    #[test]
    fn an_event_outside_of_any_trace_keeps_sentrys() {
        let trace = captured(Current::new());
        for ours in [TRACE, TraceId::INVALID] {
            assert_ne!(trace.trace_id, ours.to_bytes().into());
        }
        assert_eq!(trace.parent_span_id, None);
    }

    #[test]
    fn what_was_known_of_the_trace_stays() {
        let options = ClientOptions::default();
        let known = TraceContext { op: Some("http".to_owned()), ..TraceContext::default() };
        let mut event = Event::new();
        event.contexts.insert("trace".to_owned(), known.into());
        let _current = inside(TraceFlags::SAMPLED, false).attach();
        let event = SentryIntegration.process_event(event, &options).unwrap();
        let Some(Context::Trace(trace)) = event.contexts.get("trace") else { panic!("no trace") };
        assert_eq!((trace.op.as_deref(), trace.trace_id), (Some("http"), TRACE.to_bytes().into()));
    }
}

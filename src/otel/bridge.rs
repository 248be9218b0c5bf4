use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::trace::{Link, SpanContext, TraceContextExt, TraceFlags};

use super::learned::Learned;
use super::ot::{self, OT, Ot};
use crate::context::{Baggage, Decision, SpanId, TraceContext, TraceId, TraceParent, TraceState};
use crate::limits;

/// Puts a [`TraceContext`] into an OpenTelemetry context and reads it back.
pub trait ContextExt: sealed::Sealed {
    /// A context whose spans continue that trace. It shadows the span and the trace context that were
    /// here before; with an empty trace context, the next span starts a new trace.
    #[must_use]
    fn with_trace_context(&self, trace: TraceContext) -> Self;

    /// What the next hop has to be told: the active span as parent, and whatever came in with its
    /// trace.
    #[must_use]
    fn trace_context(&self) -> TraceContext;
}

impl ContextExt for Context {
    fn with_trace_context(&self, trace: TraceContext) -> Self {
        let cx = match trace.parent() {
            Some(parent) => self.with_remote_span_context(to_span_context(
                parent,
                mirrored(parent, trace.trace_state()),
            )),
            None if self.has_active_span() => self.with_remote_span_context(SpanContext::NONE),
            None => self.clone(),
        };
        cx.with_value(Received::from(trace))
    }

    fn trace_context(&self) -> TraceContext {
        to_next_hop(self).into_owned()
    }
}

impl TraceContext {
    /// What the next hop has to be told by whoever runs here: [`ContextExt::trace_context`] of the
    /// current OpenTelemetry context. Empty outside of any trace.
    #[must_use]
    pub fn current() -> Self {
        Context::map_current(ContextExt::trace_context)
    }
}

/// A span link to a parent that was not continued, for example
/// [`Extraction::link`](crate::propagation::Extraction::link).
#[must_use]
pub fn link_to(parent: &TraceParent) -> Link {
    Link::with_context(to_span_context(parent, None))
}

/// The trace context that came in, if the active span is one of its trace.
#[cfg(feature = "sdk")]
pub(super) fn received(cx: &Context) -> Option<&TraceContext> {
    let trace = &cx.get::<Received>()?.trace;
    let active = from_span_context(cx.span().span_context())?;
    (trace.parent()?.trace_id() == active.trace_id()).then_some(trace)
}

/// Whether the active span is the one that came in, and its decision is still open.
#[cfg(feature = "sdk")]
pub(super) fn is_deferred(cx: &Context) -> bool {
    let parent = received(cx).and_then(TraceContext::parent);
    let active = from_span_context(cx.span().span_context());
    parent.zip(active).is_some_and(|(parent, active)| {
        parent.decision() == Decision::Deferred && same_span(parent, &active)
    })
}

/// The same context, span and trace, with other baggage of the application.
pub(super) fn with_app_baggage(cx: &Context, baggage: Baggage) -> Context {
    let received = cx.get::<Received>();
    let mut trace = received.map(|received| received.trace.clone()).unwrap_or_default();
    let own = trace.baggage_mut();
    own.retain(|member| member.is_sentry());
    if !own.is_empty() {
        let (members, bytes) = (limits::BAGGAGE_MEMBERS, limits::BAGGAGE_BYTES);
        *own = Baggage::from_members_within(members, bytes, own.iter().chain(baggage.iter()));
    } else {
        *own = baggage;
    }
    let learning = match received.map(|received| &received.learning) {
        // Without the span: it would stay open for as long as the new context does.
        Some(Learning::Here(_)) => Learning::In(cx.with_remote_span_context(SpanContext::NONE)),
        Some(Learning::In(first)) => Learning::In(first.clone()),
        None => Learning::default(),
    };
    cx.with_value(Received { trace, learning })
}

/// [`ContextExt::trace_context`], borrowed where what came in goes out again: 200 instructions less.
pub(crate) fn to_next_hop(cx: &Context) -> Cow<'_, TraceContext> {
    let received = cx.get::<Received>();
    let span = cx.span();
    let span = span.span_context();
    let Some(active) = from_span_context(span) else {
        return received.map(|received| Cow::Borrowed(&received.trace)).unwrap_or_default();
    };
    let Some(received) = received else {
        return Cow::Owned(begun_here(TraceContext::new(), active, span));
    };
    match received.trace.parent() {
        // The span is the one that came in: nobody has opened one since. What it says is more than an
        // OpenTelemetry span context can hold, so it goes out as it came (rule TP-10).
        Some(parent) if same_span(parent, &active) => Cow::Borrowed(&received.trace),
        Some(parent) if parent.trace_id() == active.trace_id() => {
            let trace = received.trace.clone();
            let mut context = trace.child(active.parent_id(), active.decision());
            keep_threshold(&mut context, span);
            Cow::Owned(context)
        }
        _ => Cow::Owned(begun_here(received.named(), active, span)),
    }
}

/// What a message or a handshake tells the other side. An exporter's own tell nothing.
pub(crate) fn told(cx: &Context) -> TraceContext {
    match cx.is_telemetry_suppressed() {
        true => TraceContext::new(),
        false => cx.trace_context(),
    }
}

/// What came in, as a typed value inside the OpenTelemetry context. A slot of our own would go stale
/// as soon as another library opens a span.
#[derive(Default)]
struct Received {
    trace: TraceContext,
    learning: Learning,
}

/// Where that lies which turns out about a request.
enum Learning {
    Here(Learned),
    /// In the context that the request began in: whoever told or reads it there has that one.
    In(Context),
}

impl Default for Learning {
    fn default() -> Self {
        Self::Here(Learned::default())
    }
}

impl Received {
    fn learned(&self) -> Option<&Learned> {
        match &self.learning {
            Learning::Here(learned) => Some(learned),
            Learning::In(first) => first.get::<Self>()?.learned(),
        }
    }

    /// What came in, with the name of what begins with it, if that is known by now.
    fn named(&self) -> TraceContext {
        match self.learned().and_then(Learned::transaction) {
            Some(name) if self.trace.transaction().is_none() => {
                self.trace.clone().with_shared_transaction(Arc::clone(name))
            }
            _ => self.trace.clone(),
        }
    }
}

impl From<TraceContext> for Received {
    fn from(trace: TraceContext) -> Self {
        Self { trace, ..Self::default() }
    }
}

/// The context that a request begins in: an empty one with what came in.
///
/// OpenTelemetry's form of a `tracestate` is a list of strings that is cloned with every span: some 30
/// allocations for three members. Only a span that is exported shows it, so who opens none leaves it
/// out. What is passed on is the received list in any case.
#[cfg(feature = "http")]
pub(crate) fn begin_with(trace: TraceContext, mirror_state: bool) -> Context {
    let cx = match trace.parent() {
        Some(parent) => {
            let state = if mirror_state { mirrored(parent, trace.trace_state()) } else { None };
            Context::new().with_remote_span_context(to_span_context(parent, state))
        }
        None => Context::new(),
    };
    cx.with_value(Received::from(trace))
}

/// What has turned out about the request that is worked on in this context.
#[cfg(feature = "http")]
pub(crate) fn learned(cx: &Context) -> Option<&Learned> {
    cx.get::<Received>()?.learned()
}

/// The context of a trace whose first span was made in this process. Its id is drawn at random, which
/// is said with the random bit (rule TP-6).
fn begun_here(received: TraceContext, active: TraceParent, span: &SpanContext) -> TraceContext {
    let mut context = received.restart(active.with_random(!span.is_remote()));
    if let Ok(state) = span.trace_state().header().parse() {
        *context.trace_state_mut() = state;
    }
    context
}

/// The threshold is that of whoever decided last: it comes from the span's state, where samplers put
/// it. Without it there, with a span that was dropped, or with a random value that it would drop, the
/// decision rests on something else, and the threshold that came in says nothing about it.
fn keep_threshold(context: &mut TraceContext, span: &SpanContext) {
    // A look at the text comes first: mostly there is no such member, and 500 instructions are saved for
    // each other one.
    let state = context.trace_state();
    let received = state.as_str().contains(OT).then(|| state.get(OT)).flatten();
    let said = span.trace_state().get(OT);
    if received.is_none() && said.is_none() {
        return;
    }
    let random_value = Ot::from(received).random_value(span.trace_id().to_bytes());
    let decided = Ot::from(said).threshold();
    let decided = decided.filter(|th| span.is_sampled() && th.keeps(random_value));
    ot::set_threshold(context.trace_state_mut(), decided);
}

fn same_span(one: &TraceParent, other: &TraceParent) -> bool {
    one.trace_id() == other.trace_id() && one.parent_id() == other.parent_id()
}

/// A received list in OpenTelemetry's form, for spans that are exported.
fn mirrored(parent: &TraceParent, state: &TraceState) -> Option<opentelemetry::trace::TraceState> {
    (parent.sampled() == Some(true) && !state.is_empty()).then(|| ot::mirror(state))
}

fn to_span_context(
    parent: &TraceParent,
    state: Option<opentelemetry::trace::TraceState>,
) -> SpanContext {
    let sampled = parent.sampled() == Some(true);
    SpanContext::new(
        opentelemetry::trace::TraceId::from_bytes(parent.trace_id().to_bytes()),
        opentelemetry::trace::SpanId::from_bytes(parent.parent_id().to_bytes()),
        if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() },
        true,
        state.unwrap_or_default(),
    )
}

fn from_span_context(span: &SpanContext) -> Option<TraceParent> {
    Some(TraceParent::new(
        TraceId::from_u128(u128::from_be_bytes(span.trace_id().to_bytes()))?,
        SpanId::from_u64(u64::from_be_bytes(span.span_id().to_bytes()))?,
        Decision::from(span.is_sampled()),
    ))
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else is to implement the trait behind it")]
    pub trait Sealed {}
    impl Sealed for opentelemetry::Context {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{Span, Tracer, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    fn received(parent: &str) -> TraceContext {
        let mut trace = TraceContext::from(parent.parse::<TraceParent>().unwrap());
        *trace.trace_state_mut() = "v=1".parse().unwrap();
        trace.baggage_mut().push("tenant", "7").unwrap();
        trace
    }

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";

    #[test]
    fn tp_10_without_a_span_what_came_in_goes_out() {
        let trace = received(PARENT);
        let cx = Context::new().with_trace_context(trace.clone());
        assert_eq!(cx.trace_context(), trace);
    }

    #[test]
    fn tp_8_a_span_becomes_the_next_parent_and_the_rest_stays() {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let cx = Context::new().with_trace_context(received(PARENT));
        let span = tracer.start_with_context("span", &cx);
        let id = span.span_context().span_id();
        let out = cx.with_span(span).trace_context();
        let parent = out.parent().unwrap();
        assert_eq!(parent.parent_id().to_bytes(), id.to_bytes());
        assert!(parent.random(), "the random bit is copied");
        assert_eq!(out.trace_state().as_str(), "v=1");
        assert_eq!(out.baggage().as_str(), "tenant=7");
    }

    #[test]
    fn tp_6_a_new_trace_says_that_its_id_is_random() {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let cx = Context::new();
        let cx = cx.with_span(tracer.start_with_context("root", &cx));
        assert!(cx.trace_context().parent().unwrap().random());
    }

    #[test]
    fn an_empty_trace_context_shadows_the_span_that_was_there() {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let ambient = Context::new();
        let ambient = ambient.with_span(tracer.start_with_context("ambient", &ambient));
        let cx = ambient.with_trace_context(TraceContext::new());
        assert!(cx.trace_context().is_empty());
        let root = tracer.start_with_context("root", &cx);
        assert_ne!(root.span_context().trace_id(), ambient.span().span_context().trace_id());
    }

    #[test]
    fn a_new_trace_inside_a_received_one_keeps_baggage_only() {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let cx = Context::new().with_trace_context(received(PARENT));
        let cx = cx.with_span(tracer.start_with_context("root", &Context::new()));
        let out = cx.trace_context();
        assert!(out.trace_state().is_empty());
        assert_eq!(out.baggage().as_str(), "tenant=7");
    }

    /// The tracestate that goes out behind a span that says this about itself.
    fn passed_on(list: &str, sampled: bool, span: &str) -> String {
        let mut trace = received(PARENT);
        *trace.trace_state_mut() = list.parse().unwrap();
        let cx = Context::new().with_trace_context(trace);
        let state = opentelemetry::trace::TraceState::from_key_value(
            span.split(',').filter_map(|member| member.split_once('=')),
        );
        let of_trace = cx.span().span_context().trace_id();
        let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let span = SpanContext::new(of_trace, 7.into(), flags, false, state.unwrap());
        let cx = cx.with_remote_span_context(span);
        cx.trace_context().trace_state().as_str().to_owned()
    }

    #[test]
    fn of_what_a_sampler_says_only_a_threshold_that_can_be_true_is_passed_on() {
        let list = "ot=th:0;x:1,foo@@bar=1";
        assert_eq!(passed_on(list, true, "ot=th:4;y:2,b=2"), "ot=th:4;x:1,foo@@bar=1");
        assert_eq!(passed_on(list, true, "ot=th:00"), list, "the same number");
        assert_eq!(passed_on(list, true, "ot=th:f"), "ot=x:1,foo@@bar=1", "the id is below it");
        assert_eq!(passed_on(list, true, ""), "ot=x:1,foo@@bar=1", "nobody knows");
        assert_eq!(passed_on(list, false, "ot=th:0"), "ot=x:1,foo@@bar=1", "dropped");
        assert_eq!(passed_on("ot=th:0", false, ""), "");
        assert_eq!(passed_on("a=1,ot=x:1", false, ""), "a=1,ot=x:1", "nothing to erase");
        assert_eq!(passed_on("a=1", true, "ot=th:4"), "ot=th:4,a=1");
        let random = "ot=rv:fffffffffffff0";
        assert_eq!(passed_on(random, true, "ot=th:f"), "ot=th:f;rv:fffffffffffff0");
    }

    #[test]
    fn a_key_that_opentelemetry_refuses_takes_no_other_from_the_span() {
        let mut trace = received(PARENT);
        *trace.trace_state_mut() = "a=1,foo@@bar=1,ot=th:0".parse().unwrap();
        let cx = Context::new().with_trace_context(trace);
        assert_eq!(cx.span().span_context().trace_state().header(), "a=1,ot=th:0");
    }

    #[cfg(feature = "http")]
    #[test]
    fn what_turns_out_behind_other_baggage_is_told_to_the_request() {
        let cx = begin_with(received(PARENT), false);
        let inner = with_app_baggage(&cx, "a=1".parse().unwrap());
        let inner = with_app_baggage(&inner, "b=2".parse().unwrap());
        assert!(learned(&inner).unwrap().tell_route("/{id}".into()));
        assert_eq!(learned(&cx).unwrap().route().map(AsRef::as_ref), Some("/{id}"));
    }

    #[test]
    fn outside_of_any_trace_the_current_context_is_empty() {
        assert!(TraceContext::current().is_empty());
    }
}

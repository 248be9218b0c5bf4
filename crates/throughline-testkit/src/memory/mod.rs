//! Spans of this process, kept in memory.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    Sampler, SdkTracerProvider, ShouldSample, Span, SpanData, SpanProcessor, TracerProviderBuilder,
};

mod open;

use crate::span::service_of;
use crate::store::{Capacity, Store, Timeout};
use crate::{SpanRecord, Tree};

use open::OpenSpans;
pub(crate) use open::SpanKey;

/// Collects the finished spans of one or more services of this process.
///
/// A span is there as soon as it has ended: export is synchronous. Clones, and the instances that
/// [`service`](Self::service) makes, share what they collect. At most
/// [`MAX_SPANS`](crate::limits::MAX_SPANS) spans are kept.
///
/// ```
/// use opentelemetry::trace::{Tracer, TracerProvider};
/// use throughline_testkit::InMemorySpans;
///
/// let spans = InMemorySpans::for_service("api");
/// let tracer = spans.provider().tracer("docs");
/// tracer.in_span("GET /users", |_| ());
/// assert_eq!(spans.finished()[0].name, "GET /users");
/// ```
///
/// With a sampler that drops every span:
///
/// ```
/// # use opentelemetry::trace::{Tracer, TracerProvider};
/// use opentelemetry_sdk::trace::Sampler;
/// # use throughline_testkit::InMemorySpans;
///
/// let spans = InMemorySpans::for_service("api").sampler(Sampler::AlwaysOff);
/// spans.provider().tracer("docs").in_span("GET /users", |_| ());
/// assert!(spans.finished().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct InMemorySpans {
    store: Arc<Store>,
    open: Arc<OpenSpans>,
    service: String,
    sampler: Box<dyn ShouldSample>,
}

impl InMemorySpans {
    /// An empty collection for a service named `app`.
    pub fn new() -> Self {
        Self::for_service("app")
    }

    /// An empty collection for the service `name`.
    pub fn for_service(name: impl Into<String>) -> Self {
        Self {
            store: Arc::new(Store::new(Capacity::default())),
            open: Arc::default(),
            service: name.into(),
            sampler: Box::new(Sampler::AlwaysOn),
        }
    }

    /// The same collection and sampler for another service.
    #[must_use]
    pub fn service(&self, name: impl Into<String>) -> Self {
        Self { service: name.into(), ..self.clone() }
    }

    /// Sets the sampler of the providers made from now on; [`Sampler::AlwaysOn`] without it.
    #[must_use]
    pub fn sampler(self, sampler: impl Into<Box<dyn ShouldSample>>) -> Self {
        Self { sampler: sampler.into(), ..self }
    }

    /// A provider whose spans come here when they end.
    pub fn provider(&self) -> SdkTracerProvider {
        self.provider_builder().build()
    }

    /// The builder behind [`provider`](Self::provider), for more processors, other limits or ids.
    ///
    /// The resource holds `service.name` and nothing else: no environment variable reaches it or
    /// the sampler.
    pub fn provider_builder(&self) -> TracerProviderBuilder {
        let resource = Resource::builder_empty().with_service_name(self.service.clone()).build();
        let recorder = Recorder {
            store: Arc::clone(&self.store),
            open: Arc::clone(&self.open),
            resource: resource.clone(),
        };
        SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(self.sampler.clone())
            .with_span_processor(recorder)
    }

    /// The spans of all services that have ended, in the order in which they ended.
    pub fn finished(&self) -> Vec<SpanRecord> {
        self.store.spans()
    }

    /// The only span that has ended.
    ///
    /// ```
    /// use opentelemetry::trace::{Tracer, TracerProvider};
    /// use throughline_testkit::InMemorySpans;
    ///
    /// let spans = InMemorySpans::new();
    /// spans.provider().tracer("docs").in_span("GET /users", |_| ());
    /// assert_eq!(spans.only().name, "GET /users");
    /// ```
    ///
    /// # Panics
    /// If there is none or more than one, with the [`tree`](Self::tree) in the message.
    #[track_caller]
    pub fn only(&self) -> SpanRecord {
        match <[SpanRecord; 1]>::try_from(self.store.spans()) {
            Ok([span]) => span,
            Err(spans) => panic!("{} spans, not one:\n{}", spans.len(), Tree::new(&spans)),
        }
    }

    /// The finished spans as the text of a [`Tree`] with its default options, for a snapshot of
    /// [insta](https://docs.rs/insta).
    ///
    /// ```
    /// use opentelemetry::trace::{Tracer, TracerProvider};
    /// use throughline_testkit::InMemorySpans;
    ///
    /// let spans = InMemorySpans::new();
    /// let tracer = spans.provider().tracer("docs");
    /// tracer.in_span("GET /users", |_| tracer.in_span("SELECT users", |_| ()));
    /// insta::assert_snapshot!(spans.tree(), @r"
    /// app  GET /users  INTERNAL
    /// app    SELECT users  INTERNAL
    /// ");
    /// ```
    pub fn tree(&self) -> String {
        Tree::new(&self.store.spans()).to_string()
    }

    /// Waits until `matches` accepts the finished spans, and returns them.
    ///
    /// It is called once at the start and again when spans have ended. Under
    /// `tokio::time::pause` the clock runs ahead while other threads work.
    ///
    /// # Errors
    /// [`Timeout`] with the spans so far, if that is not the case within `timeout`.
    ///
    /// # Panics
    /// Outside of a tokio runtime with a timer.
    pub async fn wait_for(
        &self,
        matches: impl FnMut(&[SpanRecord]) -> bool,
        timeout: Duration,
    ) -> Result<Vec<SpanRecord>, Timeout> {
        self.store.wait_for(matches, timeout).await
    }

    /// Number of spans that were left out because the collection was full.
    pub fn dropped(&self) -> usize {
        self.store.dropped()
    }

    /// Forgets all spans, and what was dropped.
    pub fn clear(&self) {
        self.store.clear();
    }

    pub(crate) fn open_spans(&self) -> &OpenSpans {
        &self.open
    }
}

impl Default for InMemorySpans {
    fn default() -> Self {
        Self::new()
    }
}

/// A processor and not an exporter: only a processor sees a span start.
#[derive(Debug)]
struct Recorder {
    store: Arc<Store>,
    open: Arc<OpenSpans>,
    resource: Resource,
}

impl SpanProcessor for Recorder {
    fn on_start(&self, span: &mut Span, _: &Context) {
        // The clone of the whole span is what its name costs.
        let data = self.open.is_tracked().then(|| span.exported_data()).flatten();
        if let Some(data) = data {
            self.open.start(&data.span_context, data.name, &service_of(&self.resource));
        }
    }

    fn on_end(&self, span: SpanData) {
        if self.open.is_tracked() {
            self.open.end(&span.span_context);
        }
        // An exporter would not see it either: the sampler wanted it recorded, not sampled.
        if span.span_context.is_sampled() {
            self.store.extend([SpanRecord::from_sdk(span, &self.resource)]);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.clone();
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{
        Event, Link, Span, SpanContext, SpanId, SpanKind, Status as SdkStatus, TraceContextExt,
        TraceFlags, TraceId, TraceState, Tracer, TracerProvider,
    };
    use opentelemetry::{Array, KeyValue, Value};
    use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult};

    use super::*;
    use crate::{Kind, Status};

    #[test]
    fn services_of_one_process_share_one_trace() {
        let spans = InMemorySpans::for_service("api");
        let api = spans.provider().tracer("test");
        let broker = spans.service("broker").provider().tracer("test");
        api.in_span("GET /", |_| broker.in_span("publish", |_| api.in_span("log", |_| ())));
        insta::assert_snapshot!(spans.tree(), @r"
        api     GET /  INTERNAL
        broker    publish  INTERNAL
        api         log  INTERNAL
        ");
        assert_eq!(spans.service("other").finished(), spans.finished());
    }

    #[test]
    fn every_field_of_a_span_is_recorded() {
        let spans = InMemorySpans::new();
        let tracer = spans.provider().tracer("scope");
        let remote = |trace, span| {
            SpanContext::new(
                TraceId::from(trace),
                SpanId::from(span),
                TraceFlags::SAMPLED,
                true,
                TraceState::from_key_value([("vendor", "x")]).unwrap(),
            )
        };
        let parent = Context::new().with_remote_span_context(remote(0xab_u128, 0xcd_u64));
        let mut span = tracer
            .span_builder("work")
            .with_kind(SpanKind::Consumer)
            .with_attributes([
                KeyValue::new("text", "a b"),
                KeyValue::new("count", 3),
                KeyValue::new("list", Value::Array(Array::from(vec![1_i64, 2]))),
            ])
            .with_links(vec![Link::with_context(remote(1, 2))])
            .start_with_context(&tracer, &parent);
        span.add_event("retry", vec![KeyValue::new("attempt", 2)]);
        span.set_status(SdkStatus::error("gone"));
        let context = span.span_context().clone();
        span.end();

        let record = spans.finished().remove(0);
        assert_eq!((&*record.service, &*record.scope, &*record.name), ("app", "scope", "work"));
        assert_eq!((record.kind, &record.status), (Kind::Consumer, &Status::Error("gone".into())));
        assert_eq!(record.trace_id, "000000000000000000000000000000ab");
        assert_eq!(record.span_id, context.span_id().to_string());
        assert_eq!(record.parent_span_id.as_deref(), Some("00000000000000cd"));
        assert!(record.end >= record.start && record.start > std::time::SystemTime::UNIX_EPOCH);
        let attributes: Vec<_> = record.attributes.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(attributes, [("count", "3"), ("list", "[1,2]"), ("text", "a b")]);
        assert_eq!(
            (&*record.events[0].name, &*record.events[0].attributes["attempt"]),
            ("retry", "2")
        );
        assert_eq!(record.links[0].trace_id, "00000000000000000000000000000001");
        assert_eq!(record.links[0].span_id, "0000000000000002");
        assert_eq!((&*record.trace_state, record.flags), ("vendor=x", 0x301));
        assert!(record.is_sampled() && record.is_error());
    }

    #[test]
    fn a_span_that_is_recorded_but_not_sampled_is_not_exported() {
        #[derive(Clone, Debug)]
        struct RecordOnly;
        impl ShouldSample for RecordOnly {
            fn should_sample(
                &self,
                _: Option<&Context>,
                _: TraceId,
                _: &str,
                _: &SpanKind,
                _: &[KeyValue],
                _: &[Link],
            ) -> SamplingResult {
                SamplingResult {
                    decision: SamplingDecision::RecordOnly,
                    attributes: vec![],
                    trace_state: TraceState::NONE,
                }
            }
        }
        let spans = InMemorySpans::new().sampler(Box::new(RecordOnly) as Box<dyn ShouldSample>);
        spans.provider().tracer("test").in_span("work", |_| ());
        assert!(spans.finished().is_empty());
    }

    #[test]
    #[should_panic(expected = "2 spans, not one:\napp  first  INTERNAL\n\napp  second  INTERNAL")]
    fn the_only_span_is_not_one_of_two() {
        let spans = InMemorySpans::new();
        let tracer = spans.provider().tracer("test");
        tracer.in_span("first", |_| ());
        tracer.in_span("second", |_| ());
        spans.only();
    }

    #[test]
    fn a_resource_of_the_builder_wins() {
        let spans = InMemorySpans::new();
        let resource = Resource::builder_empty().with_service_name("renamed").build();
        let provider = spans.provider_builder().with_resource(resource).build();
        provider.tracer("test").in_span("work", |_| ());
        assert_eq!(spans.finished()[0].service, "renamed");
    }

    #[test]
    fn an_unsampled_parent_does_not_hide_a_span() {
        let spans = InMemorySpans::new();
        let unsampled = SpanContext::new(
            TraceId::from(1_u128),
            SpanId::from(1_u64),
            TraceFlags::default(),
            true,
            TraceState::NONE,
        );
        let parent = Context::new().with_remote_span_context(unsampled);
        for sampler in [Sampler::AlwaysOn, Sampler::ParentBased(Box::new(Sampler::AlwaysOn))] {
            let tracer = spans.clone().sampler(sampler).provider().tracer("test");
            tracer.start_with_context("work", &parent).end();
        }
        assert_eq!(spans.finished().len(), 1);
    }

    #[test]
    fn a_span_counts_when_it_ends_and_until_it_is_cleared() {
        let spans = InMemorySpans::new();
        let tracer = spans.provider().tracer("test");
        let mut span = tracer.start("work");
        span.add_event(Event::with_name("step").name, vec![]);
        assert!(spans.finished().is_empty());
        span.end();
        assert_eq!(spans.finished().len(), 1);
        spans.clear();
        assert!(spans.finished().is_empty() && spans.tree().is_empty());
        assert_eq!(spans.dropped(), 0);
    }

    #[tokio::test]
    async fn a_span_that_ends_in_another_task_can_be_awaited() {
        let spans = InMemorySpans::new();
        let tracer = spans.provider().tracer("test");
        let task = tokio::spawn(async move { tracer.in_span("work", |_| ()) });
        let found = spans.wait_for(|spans| !spans.is_empty(), Duration::from_secs(30)).await;
        assert_eq!(found.unwrap()[0].name, "work");
        task.await.unwrap();
    }
}

//! Spans of a unit test. The testkit depends on this crate and cannot be used inside it.

use std::sync::{Arc, Mutex};

use opentelemetry::trace::Status;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};

/// Collects what the providers that it makes export.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorded(Arc<Mutex<Vec<SpanData>>>);

impl Recorded {
    pub(crate) fn provider(&self) -> SdkTracerProvider {
        SdkTracerProvider::builder().with_simple_exporter(self.clone()).build()
    }

    pub(crate) fn sampled_by(&self, sampler: Sampler) -> SdkTracerProvider {
        SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_simple_exporter(self.clone())
            .build()
    }

    pub(crate) fn all(&self) -> Vec<SpanData> {
        self.0.lock().unwrap().clone()
    }

    /// The only span that has ended so far.
    pub(crate) fn one(&self) -> SpanData {
        let spans = self.all();
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans[0].clone()
    }
}

impl SpanExporter for Recorded {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// The text of an attribute. An attribute that is set twice is a mistake.
pub(crate) fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let mut values = span.attributes.iter().filter(|pair| pair.key.as_str() == key);
    let value = values.next().map(|pair| pair.value.to_string());
    assert!(values.next().is_none(), "{key} is there twice");
    value
}

/// `error.type`, after a check that the status agrees.
pub(crate) fn error_type(span: &SpanData) -> Option<String> {
    let error_type = attribute(span, "error.type");
    assert_eq!(error_type.is_some(), matches!(span.status, Status::Error { .. }));
    error_type
}

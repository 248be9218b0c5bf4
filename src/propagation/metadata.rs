//! Metadata of tonic's gRPC requests and responses.

use http::HeaderMap;
use tonic::metadata::MetadataMap;

use super::{Extractor, Field, FieldValue, Injector, Received};

/// Metadata is HTTP headers under another name.
///
/// ```
/// use throughline::context::TraceContext;
/// use throughline::propagation::Propagator;
///
/// let mut request = tonic::Request::new(());
/// Propagator::default().inject(&TraceContext::current(), request.metadata_mut());
/// ```
impl Extractor for MetadataMap {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        AsRef::<HeaderMap>::as_ref(self).extract_into(received);
    }
}

impl Injector for MetadataMap {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        AsMut::<HeaderMap>::as_mut(self).set(field, value);
    }

    fn remove(&mut self, field: Field) {
        Injector::remove(AsMut::<HeaderMap>::as_mut(self), field);
    }

    fn existing<'a>(&'a self, received: &mut Received<'a>) {
        AsRef::<HeaderMap>::as_ref(self).existing(received);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::Propagator;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn metadata_carries_what_headers_carry() {
        let mut metadata = MetadataMap::new();
        metadata.insert("traceparent", PARENT.parse().unwrap());
        metadata.insert("baggage", "a=1".parse().unwrap());
        let propagator = Propagator::default().forward_baggage(true);
        let context = propagator.extract(&metadata).context;
        assert_eq!(context.parent().unwrap().to_string(), PARENT);

        let mut sent = MetadataMap::new();
        sent.insert("traceparent", "stale".parse().unwrap());
        sent.insert("baggage", "b=2".parse().unwrap());
        propagator.inject(&context, &mut sent);
        assert_eq!(sent.get_all("traceparent").iter().count(), 1);
        assert_eq!(sent.get("traceparent").unwrap(), PARENT);
        assert_eq!(sent.get("baggage").unwrap(), "b=2,a=1");
    }

    #[test]
    fn binary_metadata_is_left_alone() {
        let mut metadata = MetadataMap::new();
        let value = tonic::metadata::MetadataValue::from_bytes(&[0, 255]);
        metadata.insert_bin("traceparent-bin", value);
        assert!(Propagator::default().extract(&metadata).context.is_empty());
    }
}

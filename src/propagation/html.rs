use std::fmt;

use super::{Field, FieldValue, Injector};

/// Trace context for a page: `<meta>` elements that Sentry's browser SDK and OpenTelemetry's document
/// load instrumentation continue from.
///
/// ```
/// use throughline::context::TraceContext;
/// use throughline::propagation::{HtmlMeta, Propagator};
///
/// let mut meta = HtmlMeta::default();
/// Propagator::default().inject(&TraceContext::current(), &mut meta);
/// let page = format!("<html><head>{meta}</head></html>");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HtmlMeta {
    elements: Vec<(Field, String)>,
}

impl Injector for HtmlMeta {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        self.remove(field);
        self.elements.push((field, value.as_str().to_owned()));
    }

    fn remove(&mut self, field: Field) {
        self.elements.retain(|(known, _)| *known != field);
    }
}

impl fmt::Display for HtmlMeta {
    /// The elements, with values escaped for an attribute.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (field, value) in &self.elements {
            write!(f, "<meta name=\"{}\" content=\"", field.as_str())?;
            for char in value.chars() {
                match char {
                    '&' => f.write_str("&amp;")?,
                    '<' => f.write_str("&lt;")?,
                    '>' => f.write_str("&gt;")?,
                    '"' => f.write_str("&quot;")?,
                    '\'' => f.write_str("&#39;")?,
                    _ => write!(f, "{char}")?,
                }
            }
            f.write_str("\">")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::Propagator;

    #[test]
    fn values_cannot_leave_their_attribute() {
        let carrier = [
            ("sentry-trace", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"),
            ("baggage", "sentry-sample_rand=0.5;x=\"><script>&'"),
        ];
        let context = Propagator::default().extract(carrier.as_slice()).context;
        let mut meta = HtmlMeta::default();
        Propagator::default().inject(&context, &mut meta);
        assert_eq!(
            meta.to_string(),
            "<meta name=\"traceparent\" content=\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\">\
             <meta name=\"sentry-trace\" content=\"0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1\">\
             <meta name=\"baggage\" content=\"sentry-sample_rand=0.5;x=&quot;&gt;&lt;script&gt;&amp;&#39;\">"
        );
    }
}

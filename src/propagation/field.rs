use http::HeaderName;

/// A field of a carrier that holds trace context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Field {
    /// `traceparent`, W3C Trace Context.
    TraceParent,
    /// `tracestate`, W3C Trace Context.
    TraceState,
    /// `sentry-trace`.
    SentryTrace,
    /// `baggage`, W3C Baggage.
    Baggage,
    /// `b3`, the single header of B3.
    B3,
    /// `x-b3-traceid`.
    B3TraceId,
    /// `x-b3-spanid`.
    B3SpanId,
    /// `x-b3-sampled`.
    B3Sampled,
    /// `x-b3-flags`.
    B3Flags,
    /// `x-datadog-trace-id`.
    DatadogTraceId,
    /// `x-datadog-parent-id`.
    DatadogParentId,
    /// `x-datadog-sampling-priority`.
    DatadogPriority,
    /// `x-datadog-tags`.
    DatadogTags,
    /// `x-amzn-trace-id`, AWS X-Ray.
    XRay,
}

impl Field {
    /// Every field, in the order in which they are written.
    pub const ALL: [Self; 14] = [
        Self::TraceParent,
        Self::TraceState,
        Self::SentryTrace,
        Self::Baggage,
        Self::B3,
        Self::B3TraceId,
        Self::B3SpanId,
        Self::B3Sampled,
        Self::B3Flags,
        Self::DatadogTraceId,
        Self::DatadogParentId,
        Self::DatadogPriority,
        Self::DatadogTags,
        Self::XRay,
    ];

    /// The name in headers, message headers and metadata: lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TraceParent => "traceparent",
            Self::TraceState => "tracestate",
            Self::SentryTrace => "sentry-trace",
            Self::Baggage => "baggage",
            Self::B3 => "b3",
            Self::B3TraceId => "x-b3-traceid",
            Self::B3SpanId => "x-b3-spanid",
            Self::B3Sampled => "x-b3-sampled",
            Self::B3Flags => "x-b3-flags",
            Self::DatadogTraceId => "x-datadog-trace-id",
            Self::DatadogParentId => "x-datadog-parent-id",
            Self::DatadogPriority => "x-datadog-sampling-priority",
            Self::DatadogTags => "x-datadog-tags",
            Self::XRay => "x-amzn-trace-id",
        }
    }

    /// The name as an HTTP header. Cloning it allocates nothing.
    #[must_use]
    pub fn header_name(self) -> &'static HeaderName {
        static NAMES: [HeaderName; Field::ALL.len()] = [
            HeaderName::from_static(Field::TraceParent.as_str()),
            HeaderName::from_static(Field::TraceState.as_str()),
            HeaderName::from_static(Field::SentryTrace.as_str()),
            HeaderName::from_static(Field::Baggage.as_str()),
            HeaderName::from_static(Field::B3.as_str()),
            HeaderName::from_static(Field::B3TraceId.as_str()),
            HeaderName::from_static(Field::B3SpanId.as_str()),
            HeaderName::from_static(Field::B3Sampled.as_str()),
            HeaderName::from_static(Field::B3Flags.as_str()),
            HeaderName::from_static(Field::DatadogTraceId.as_str()),
            HeaderName::from_static(Field::DatadogParentId.as_str()),
            HeaderName::from_static(Field::DatadogPriority.as_str()),
            HeaderName::from_static(Field::DatadogTags.as_str()),
            HeaderName::from_static(Field::XRay.as_str()),
        ];
        &NAMES[self.index()]
    }

    /// The field of that name, in any case.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        // Names are told apart by their length, and the few of equal length by one byte.
        let field = match (name.len(), name.get(5).map(u8::to_ascii_lowercase)) {
            (2, _) => Self::B3,
            (7, _) => Self::Baggage,
            (10, Some(b'f')) => Self::B3Flags,
            (10, _) => Self::TraceState,
            (11, Some(b's')) => Self::B3SpanId,
            (11, _) => Self::TraceParent,
            (12, Some(b't')) => Self::B3TraceId,
            (12, Some(b's')) => Self::B3Sampled,
            (12, _) => Self::SentryTrace,
            (14, _) => Self::DatadogTags,
            (15, _) => Self::XRay,
            (18, _) => Self::DatadogTraceId,
            (19, _) => Self::DatadogParentId,
            (27, _) => Self::DatadogPriority,
            _ => return None,
        };
        name.eq_ignore_ascii_case(field.as_str().as_bytes()).then_some(field)
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name_in_any_case() {
        for (index, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field.index(), index);
            assert_eq!(Field::from_name(field.as_str().as_bytes()), Some(field));
            assert_eq!(Field::from_name(field.as_str().to_uppercase().as_bytes()), Some(field));
            assert_eq!(field.header_name().as_str(), field.as_str());
        }
        assert_eq!(Field::from_name(b"traceparens"), None);
        assert_eq!(Field::from_name(b""), None);
    }
}

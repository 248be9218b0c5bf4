use super::Field;
use super::received::FieldSet;

/// A wire format that a [`Propagator`](super::Propagator) reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Format {
    /// `traceparent` and `tracestate`.
    TraceContext,
    /// `sentry-trace`, and Sentry's members in `baggage`.
    Sentry,
    /// The application's members in `baggage`.
    Baggage,
    /// B3 in one header.
    B3,
    /// B3 in several headers.
    B3Multi,
    /// Datadog's headers.
    Datadog,
    /// AWS X-Ray's header.
    XRay,
    /// `grpc-trace-bin` in gRPC metadata.
    GrpcTraceBin,
}

impl Format {
    /// Every format, in the order in which they win over each other behind the primary one.
    pub const ALL: [Self; 8] = [
        Self::TraceContext,
        Self::Sentry,
        Self::Baggage,
        Self::B3,
        Self::B3Multi,
        Self::Datadog,
        Self::XRay,
        Self::GrpcTraceBin,
    ];

    /// The name in `OTEL_PROPAGATORS`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TraceContext => "tracecontext",
            Self::Sentry => "sentry",
            Self::Baggage => "baggage",
            Self::B3 => "b3",
            Self::B3Multi => "b3multi",
            Self::Datadog => "datadog",
            Self::XRay => "xray",
            Self::GrpcTraceBin => "grpc-trace-bin",
        }
    }

    /// The field that names the trace, and stands for the format where one of them is refused.
    pub(super) const fn main_field(self) -> Field {
        match self {
            Self::TraceContext => Field::TraceParent,
            Self::Sentry => Field::SentryTrace,
            Self::Baggage => Field::Baggage,
            Self::B3 => Field::B3,
            Self::B3Multi => Field::B3TraceId,
            Self::Datadog => Field::DatadogTraceId,
            Self::XRay => Field::XRay,
            Self::GrpcTraceBin => Field::GrpcTraceBin,
        }
    }

    const fn fields(self) -> FieldSet {
        FieldSet::of(match self {
            Self::TraceContext => &[Field::TraceParent, Field::TraceState],
            Self::Sentry => &[Field::SentryTrace, Field::Baggage],
            Self::Baggage => &[Field::Baggage],
            Self::B3 => &[Field::B3],
            Self::B3Multi => &[Field::B3TraceId, Field::B3SpanId, Field::B3Sampled, Field::B3Flags],
            Self::Datadog => &[
                Field::DatadogTraceId,
                Field::DatadogParentId,
                Field::DatadogPriority,
                Field::DatadogTags,
            ],
            Self::XRay => &[Field::XRay],
            Self::GrpcTraceBin => &[Field::GrpcTraceBin],
        })
    }
}

/// Some of the formats, and the fields that they need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Formats {
    formats: u8,
    fields: FieldSet,
}

impl Formats {
    pub(super) const fn with(self, format: Format) -> Self {
        Self { formats: self.formats | bit(format), fields: self.fields.and(format.fields()) }
    }

    pub(super) const fn has(self, format: Format) -> bool {
        self.formats & bit(format) != 0
    }

    pub(super) const fn fields(self) -> FieldSet {
        self.fields
    }

    /// Whether there is a format beside `traceparent`, `sentry-trace` and baggage.
    pub(super) const fn has_others(self) -> bool {
        self.formats & !(bit(Format::TraceContext) | bit(Format::Sentry) | bit(Format::Baggage))
            != 0
    }
}

impl FromIterator<Format> for Formats {
    fn from_iter<I: IntoIterator<Item = Format>>(formats: I) -> Self {
        formats.into_iter().fold(Self::default(), Self::with)
    }
}

const fn bit(format: Format) -> u8 {
    1 << format as u8
}

use super::format::Formats;
use super::{BaggageKeys, Field, Format, SentryConfig};
use crate::context::SpanId;
use crate::limits;

mod combine;
mod extract;
mod inject;
#[cfg(test)]
mod tests;

/// Which formats go in and out, which one wins, and what is passed on.
///
/// A plain value: clone it into every layer of a service. The default reads and writes `traceparent`,
/// `tracestate`, `sentry-trace` and `baggage`, prefers `traceparent` where two headers name different
/// traces, and keeps the application's baggage to itself.
///
/// ```
/// use throughline::propagation::{Format, Propagator, SentryConfig};
///
/// let propagator = Propagator::default()
///     .emit([Format::TraceContext, Format::Sentry])
///     .sentry(SentryConfig::new().release("shop@1.4"))
///     .forward_baggage(true);
/// ```
#[derive(Clone, Debug)]
pub struct Propagator {
    accept: Formats,
    emit: Formats,
    primary: Format,
    accept_baggage: BaggageKeys,
    forward_baggage: BaggageKeys,
    max_baggage_members: usize,
    max_baggage_bytes: usize,
    max_trace_state_bytes: usize,
    random_bit: bool,
    fresh_ids: Option<fn() -> SpanId>,
    sentry: Option<SentryConfig>,
}

impl Propagator {
    /// Reads these formats and no others.
    #[must_use]
    pub fn accept(self, formats: impl IntoIterator<Item = Format>) -> Self {
        Self { accept: formats.into_iter().collect(), ..self }
    }

    /// Writes these formats and no others. What stands in a carrier in another format is left alone.
    #[must_use]
    pub fn emit(self, formats: impl IntoIterator<Item = Format>) -> Self {
        Self { emit: formats.into_iter().collect(), ..self }
    }

    /// Which format wins where two name different traces (rule BO-2); [`Format::TraceContext`] by
    /// default. Behind it, the order is that of [`Format::ALL`].
    #[must_use]
    pub fn primary(self, format: Format) -> Self {
        Self { primary: format, ..self }
    }

    /// Which of the application's baggage is read; all by default. Sentry's members are read with
    /// `sentry-trace` in any case.
    #[must_use]
    pub fn accept_baggage(self, keys: impl Into<BaggageKeys>) -> Self {
        Self { accept_baggage: keys.into(), ..self }
    }

    /// Which of the application's baggage is sent on; none by default, since it may hold what another
    /// party should not see. Sentry's members travel with `sentry-trace` in any case.
    #[must_use]
    pub fn forward_baggage(self, keys: impl Into<BaggageKeys>) -> Self {
        Self { forward_baggage: keys.into(), ..self }
    }

    /// How much baggage is sent at most, all of it together: 64 members and 8192 bytes by default,
    /// which is also the most that can be set. For receivers that refuse long headers; of what does
    /// not fit, the application's members are left out before Sentry's, each whole (rule BG-10).
    #[must_use]
    pub fn max_baggage(self, members: usize, bytes: usize) -> Self {
        Self {
            max_baggage_members: members.min(limits::BAGGAGE_MEMBERS),
            max_baggage_bytes: bytes.min(limits::BAGGAGE_BYTES),
            ..self
        }
    }

    /// How many bytes of `tracestate` are sent at most, as many as came in by default. What is longer
    /// loses whole members (rule TS-11); the specification asks for at least 512.
    #[must_use]
    pub fn max_trace_state(self, bytes: usize) -> Self {
        Self { max_trace_state_bytes: bytes, ..self }
    }

    /// Draws a parent id of its own for each injection of a context whose parent came from outside
    /// (rule TP-8). Without it such a parent is passed on as it came (rule TP-10), since an id that
    /// no span has leaves a hole in every tree. Spans of this process always go out as themselves.
    ///
    /// ```
    /// use throughline::context::SpanId;
    /// use throughline::propagation::Propagator;
    ///
    /// let propagator = Propagator::default().fresh_ids(SpanId::random);
    /// ```
    #[must_use]
    pub fn fresh_ids(self, draw: fn() -> SpanId) -> Self {
        Self { fresh_ids: Some(draw), ..self }
    }

    /// Whether traces that begin here say that their id is random (rule TP-6); they do by default.
    /// Some peers refuse a `traceparent` that says so. What came in is passed on unchanged.
    #[must_use]
    pub fn random_bit(self, set: bool) -> Self {
        Self { random_bit: set, ..self }
    }

    /// Describes the traces that begin here to Sentry, and checks where continued ones come from.
    #[must_use]
    pub fn sentry(self, config: SentryConfig) -> Self {
        Self { sentry: Some(config), ..self }
    }

    /// Whether traces that begin here are described to Sentry.
    #[cfg(feature = "http")]
    pub(crate) fn describes_traces(&self) -> bool {
        self.sentry.is_some()
    }

    /// Every field that may be read or written.
    pub fn fields(&self) -> impl Iterator<Item = Field> + use<> {
        self.accept.fields().and(self.emit.fields()).iter()
    }
}

impl Default for Propagator {
    fn default() -> Self {
        let usual = Formats::default()
            .with(Format::TraceContext)
            .with(Format::Sentry)
            .with(Format::Baggage);
        Self {
            accept: usual,
            emit: usual,
            primary: Format::TraceContext,
            accept_baggage: BaggageKeys::All,
            forward_baggage: BaggageKeys::None,
            max_baggage_members: limits::BAGGAGE_MEMBERS,
            max_baggage_bytes: limits::BAGGAGE_BYTES,
            max_trace_state_bytes: limits::TRACESTATE_BYTES,
            random_bit: true,
            fresh_ids: None,
            sentry: None,
        }
    }
}

//! The names that propagators have in `OTEL_PROPAGATORS`.

use std::fmt;

use super::{Format, Propagator};

impl Propagator {
    /// Reads and writes the formats of a list such as `OTEL_PROPAGATORS` holds: `tracecontext`,
    /// `baggage`, `sentry`, `b3`, `b3multi`, `datadog`, `xray`, `grpc-trace-bin` or `none`, separated
    /// by commas. An empty list is the default, as for any empty variable of OpenTelemetry's. The
    /// variable itself is the caller's to read.
    ///
    /// # Errors
    /// If the list has a name that this crate does not know.
    ///
    /// ```
    /// use throughline::propagation::Propagator;
    ///
    /// let propagator = Propagator::from_names("tracecontext, baggage").unwrap();
    /// assert!(Propagator::from_names("jaeger").is_err());
    /// ```
    pub fn from_names(names: &str) -> Result<Self, UnknownFormat> {
        if names.trim().is_empty() {
            return Ok(Self::default());
        }
        let mut formats = Vec::new();
        for name in
            names.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "none")
        {
            match Format::ALL.into_iter().find(|format| format.name() == name) {
                Some(format) => formats.push(format),
                None => return Err(UnknownFormat { name: name.to_owned() }),
            }
        }
        Ok(Self::default().accept(formats.iter().copied()).emit(formats))
    }
}

/// A name that no format of this crate has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat {
    name: String,
}

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        let known = Format::ALL.map(Format::name).join(", ");
        write!(f, "unknown propagator {name:?}: expected {known} or none")
    }
}

impl std::error::Error for UnknownFormat {}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(names: &str) -> Vec<String> {
        let all = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
        let context = Propagator::default().extract(all.as_slice()).context;
        let mut carrier: Vec<(String, String)> = Vec::new();
        Propagator::from_names(names).unwrap().inject(&context, &mut carrier);
        carrier.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn only_what_is_named_is_written() {
        assert_eq!(sent("tracecontext,baggage,sentry"), ["traceparent", "sentry-trace"]);
        assert_eq!(sent(" sentry ,"), ["sentry-trace"]);
        assert_eq!(sent("b3,xray,datadog").len(), 6);
        assert!(sent("none").is_empty());
    }

    #[test]
    fn an_unknown_name_is_named() {
        let error = Propagator::from_names("tracecontext,jaeger").unwrap_err();
        assert!(error.to_string().contains("jaeger"));
    }
}

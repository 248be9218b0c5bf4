use throughline::context::{Baggage, Decision, TraceParent, TraceState};

/// An SDK, by what it was recorded to put on the wire.
///
/// No Sentry SDK reads `traceparent` and no OpenTelemetry SDK reads `sentry-trace`: a service that
/// is called by both has to be tried with both.
///
/// ```
/// use throughline::propagation::Propagator;
/// use throughline_testkit::{Caller, Sdk};
///
/// for sdk in Sdk::ALL {
///     let caller = Caller::new(sdk);
///     let found = Propagator::default().extract(&caller.headers());
///     let parent = found.context.parent().unwrap();
///     assert_eq!(parent.with_random(false), caller.parent(), "{sdk:?}");
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sdk {
    /// OpenTelemetry for JavaScript and most languages: `traceparent` with flags 01 or 00, `tracestate`
    /// and `baggage` if there is something in them.
    OpenTelemetry,
    /// OpenTelemetry for Python: flags 03 or 02, since its ids are random.
    OpenTelemetryPython,
    /// OpenTelemetry for Rust: `tracestate` is sent even if it is empty.
    OpenTelemetryRust,
    /// Sentry 11 for JavaScript: `sentry-trace`, and `baggage` whose `sample_rand` has 17 digits.
    SentryJs,
    /// The same with `propagateTraceparent`, which turns a deferred decision into flags 00 there.
    SentryJsWithTraceparent,
    /// Sentry 2.75 for Python: `sample_rand` has six digits, `sample_rate` is `1.0`.
    SentryPython,
    /// Sentry 0.49 for Rust: `sentry-trace` and no baggage at all.
    SentryRust,
}

impl Sdk {
    /// Every SDK of this list.
    ///
    /// ```
    /// # use throughline_testkit::Sdk;
    /// assert!(Sdk::ALL.contains(&Sdk::SentryJs));
    /// ```
    pub const ALL: [Self; 7] = [
        Self::OpenTelemetry,
        Self::OpenTelemetryPython,
        Self::OpenTelemetryRust,
        Self::SentryJs,
        Self::SentryJsWithTraceparent,
        Self::SentryPython,
        Self::SentryRust,
    ];

    /// Whether it is one of Sentry's, which sends `sentry-trace`.
    ///
    /// ```
    /// # use throughline_testkit::Sdk;
    /// assert!(Sdk::SentryRust.is_sentry() && !Sdk::OpenTelemetryRust.is_sentry());
    /// ```
    pub const fn is_sentry(self) -> bool {
        match self {
            Self::OpenTelemetry | Self::OpenTelemetryPython | Self::OpenTelemetryRust => false,
            Self::SentryJs
            | Self::SentryJsWithTraceparent
            | Self::SentryPython
            | Self::SentryRust => true,
        }
    }

    pub(super) fn fields(
        self,
        parent: &TraceParent,
        state: &TraceState,
        baggage: &Baggage,
    ) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        if !self.is_sentry() || self == Self::SentryJsWithTraceparent {
            let parent = parent.with_random(self == Self::OpenTelemetryPython);
            fields.push(("traceparent", parent.to_string()));
        }
        if self == Self::OpenTelemetryRust || !self.is_sentry() && !state.is_empty() {
            fields.push(("tracestate", state.as_str().to_owned()));
        }
        if self.is_sentry() {
            fields.push(("sentry-trace", sentry_trace(parent)));
        }
        let baggage = self.baggage(parent, baggage);
        if !baggage.is_empty() {
            fields.push(("baggage", baggage));
        }
        fields
    }

    /// The application's members, then the dynamic sampling context.
    fn baggage(self, parent: &TraceParent, baggage: &Baggage) -> String {
        let mut members = match self {
            Self::SentryRust => return String::new(),
            Self::SentryJs | Self::SentryJsWithTraceparent => {
                sampling_context(parent, ["0.12345678901234567", "1", "0"])
            }
            Self::SentryPython => sampling_context(parent, ["0.123456", "1.0", "0.0"]),
            Self::OpenTelemetry | Self::OpenTelemetryPython | Self::OpenTelemetryRust => Vec::new(),
        };
        if !baggage.is_empty() {
            members.insert(0, baggage.as_str().to_owned());
        }
        members.join(",")
    }
}

fn sentry_trace(parent: &TraceParent) -> String {
    let decision = match parent.decision() {
        Decision::Sampled => "-1",
        Decision::NotSampled => "-0",
        Decision::Deferred => "",
    };
    format!("{}-{}{decision}", parent.trace_id(), parent.parent_id())
}

/// The members, with the random number and the rates that sample and drop everything as written by
/// the SDK. A deferred trace only says who began it.
fn sampling_context(parent: &TraceParent, [rand, one, zero]: [&str; 3]) -> Vec<String> {
    let mut members = vec![
        "sentry-environment=production".to_owned(),
        "sentry-release=shop%401.0".to_owned(),
        "sentry-public_key=abcdef0123456789abcdef0123456789".to_owned(),
        format!("sentry-trace_id={}", parent.trace_id()),
    ];
    if let Some(sampled) = parent.sampled() {
        members.extend([
            "sentry-transaction=checkout".to_owned(),
            format!("sentry-sampled={sampled}"),
            format!("sentry-sample_rand={rand}"),
            format!("sentry-sample_rate={}", if sampled { one } else { zero }),
        ]);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Caller;

    /// The lines of all fields, one SDK after the other, with short forms for what never differs.
    fn sent(decision: Decision) -> String {
        let mut text = String::new();
        for sdk in Sdk::ALL {
            let caller = Caller::new(sdk)
                .with_decision(decision)
                .with_trace_state("v=1".parse().unwrap())
                .with_baggage("tenant", "7");
            text.push_str(&format!("{sdk:?}\n"));
            for (name, value) in caller.fields() {
                text.push_str(&format!("  {name}: {value}\n"));
            }
        }
        for (long, short) in [
            ("0af7651916cd43dd8448eb211c80319c", "T"),
            ("b7ad6b7169203331", "S"),
            (WHO, "WHO"),
            (",sentry-transaction=checkout", ""),
            (",sentry-", ",~"),
        ] {
            text = text.replace(long, short);
        }
        text
    }

    const WHO: &str = "sentry-environment=production,sentry-release=shop%401.0,\
                       sentry-public_key=abcdef0123456789abcdef0123456789,sentry-trace_id=T";

    #[test]
    fn every_sdk_writes_a_sampled_trace_in_its_way() {
        insta::assert_snapshot!(sent(Decision::Sampled), @r"
        OpenTelemetry
          traceparent: 00-T-S-01
          tracestate: v=1
          baggage: tenant=7
        OpenTelemetryPython
          traceparent: 00-T-S-03
          tracestate: v=1
          baggage: tenant=7
        OpenTelemetryRust
          traceparent: 00-T-S-01
          tracestate: v=1
          baggage: tenant=7
        SentryJs
          sentry-trace: T-S-1
          baggage: tenant=7,WHO,~sampled=true,~sample_rand=0.12345678901234567,~sample_rate=1
        SentryJsWithTraceparent
          traceparent: 00-T-S-01
          sentry-trace: T-S-1
          baggage: tenant=7,WHO,~sampled=true,~sample_rand=0.12345678901234567,~sample_rate=1
        SentryPython
          sentry-trace: T-S-1
          baggage: tenant=7,WHO,~sampled=true,~sample_rand=0.123456,~sample_rate=1.0
        SentryRust
          sentry-trace: T-S-1
        ");
    }

    #[test]
    fn every_sdk_writes_an_unsampled_trace_in_its_way() {
        insta::assert_snapshot!(sent(Decision::NotSampled), @r"
        OpenTelemetry
          traceparent: 00-T-S-00
          tracestate: v=1
          baggage: tenant=7
        OpenTelemetryPython
          traceparent: 00-T-S-02
          tracestate: v=1
          baggage: tenant=7
        OpenTelemetryRust
          traceparent: 00-T-S-00
          tracestate: v=1
          baggage: tenant=7
        SentryJs
          sentry-trace: T-S-0
          baggage: tenant=7,WHO,~sampled=false,~sample_rand=0.12345678901234567,~sample_rate=0
        SentryJsWithTraceparent
          traceparent: 00-T-S-00
          sentry-trace: T-S-0
          baggage: tenant=7,WHO,~sampled=false,~sample_rand=0.12345678901234567,~sample_rate=0
        SentryPython
          sentry-trace: T-S-0
          baggage: tenant=7,WHO,~sampled=false,~sample_rand=0.123456,~sample_rate=0.0
        SentryRust
          sentry-trace: T-S-0
        ");
    }

    #[test]
    fn se_3_only_sentry_has_a_form_for_a_deferred_decision() {
        insta::assert_snapshot!(sent(Decision::Deferred), @r"
        OpenTelemetry
          traceparent: 00-T-S-00
          tracestate: v=1
          baggage: tenant=7
        OpenTelemetryPython
          traceparent: 00-T-S-02
          tracestate: v=1
          baggage: tenant=7
        OpenTelemetryRust
          traceparent: 00-T-S-00
          tracestate: v=1
          baggage: tenant=7
        SentryJs
          sentry-trace: T-S
          baggage: tenant=7,WHO
        SentryJsWithTraceparent
          traceparent: 00-T-S-00
          sentry-trace: T-S
          baggage: tenant=7,WHO
        SentryPython
          sentry-trace: T-S
          baggage: tenant=7,WHO
        SentryRust
          sentry-trace: T-S
        ");
    }
}

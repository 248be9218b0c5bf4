use std::ffi::{OsStr, OsString};

use super::{Extractor, Field, FieldValue, Injector, Received};
use crate::context::SENTRY_PREFIX;

/// Environment variables as a carrier: `TRACEPARENT`, `TRACESTATE`, `BAGGAGE`, `SENTRY_TRACE` and
/// `SENTRY_BAGGAGE` (rule SE-13).
///
/// It never touches the process's own environment: variables are passed in and read out.
/// `SENTRY_BAGGAGE` is read where `BAGGAGE` is absent or has no members of Sentry's. Empty variables
/// count as absent.
///
/// ```
/// use throughline::propagation::{Environment, Propagator};
///
/// let started_with = Environment::from_vars(std::env::vars_os());
/// let context = Propagator::default().extract(&started_with).context;
///
/// let mut child = Environment::default();
/// Propagator::default().inject(&context, &mut child);
/// let mut command = std::process::Command::new("true");
/// // What this process was started with must not reach the child beside it (rule TP-9).
/// for name in Environment::NAMES {
///     command.env_remove(name);
/// }
/// command.envs(child.vars());
/// ```
#[derive(Clone, Default)]
pub struct Environment {
    vars: Vec<(&'static str, String)>,
}

impl Environment {
    /// Every variable that is read or written.
    pub const NAMES: [&str; VARIABLES.len()] =
        ["TRACEPARENT", "TRACESTATE", "SENTRY_TRACE", "BAGGAGE", SENTRY_BAGGAGE];

    /// Keeps those variables that carry trace context and are text, not empty.
    pub fn from_vars<N, V>(vars: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<OsStr>,
        V: Into<OsString>,
    {
        let mut environment = Self::default();
        for (name, value) in vars {
            let known = VARIABLES.iter().find(|(known, _)| name.as_ref() == *known);
            if let (Some((name, _)), Ok(value)) = (known, value.into().into_string())
                && !value.trim().is_empty()
            {
                environment.vars.push((name, value));
            }
        }
        environment
    }

    /// The variables to start a child process with.
    pub fn vars(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.vars.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Whether `SENTRY_BAGGAGE` says what `BAGGAGE` does not.
    fn has_sentry_apart(&self) -> bool {
        let value =
            |name| self.vars.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        let describes = |value: &String| value.contains(SENTRY_PREFIX);
        match (value("BAGGAGE"), value(SENTRY_BAGGAGE)) {
            (Some(all), Some(sentry)) => describes(sentry) && !describes(all),
            (all, _) => all.is_none(),
        }
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.vars.iter().map(|(name, _)| name)).finish()
    }
}

impl Extractor for Environment {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        for (name, value) in &self.vars {
            if *name == SENTRY_BAGGAGE && !self.has_sentry_apart() {
                continue;
            }
            if let Some((_, field)) = VARIABLES.iter().find(|(known, _)| known == name) {
                received.offer_field(*field, value);
            }
        }
    }
}

impl Injector for Environment {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        self.remove(field);
        for (name, _) in VARIABLES.iter().filter(|(_, known)| *known == field) {
            self.vars.push((name, value.as_str().to_owned()));
        }
    }

    fn remove(&mut self, field: Field) {
        self.vars.retain(|(name, _)| !VARIABLES.contains(&(*name, field)));
    }

    fn existing<'a>(&'a self, received: &mut Received<'a>) {
        self.extract_into(received);
    }
}

const SENTRY_BAGGAGE: &str = "SENTRY_BAGGAGE";

const VARIABLES: [(&str, Field); 5] = [
    ("TRACEPARENT", Field::TraceParent),
    ("TRACESTATE", Field::TraceState),
    ("SENTRY_TRACE", Field::SentryTrace),
    ("BAGGAGE", Field::Baggage),
    (SENTRY_BAGGAGE, Field::Baggage),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::Propagator;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1";
    const DSC: &str = "sentry-sample_rand=0.5";

    #[test]
    fn se_13_a_process_continues_from_sentry_variables_alone() {
        let started = Environment::from_vars([("SENTRY_TRACE", TRACE), ("SENTRY_BAGGAGE", DSC)]);
        let context = Propagator::default().extract(&started).context;
        assert_eq!(context.sampled(), Some(true));
        assert_eq!(context.baggage().as_str(), DSC);
    }

    #[test]
    fn se_13_both_baggage_variables_are_read_if_only_one_has_sentrys_members() {
        for (baggage, expected) in [
            ("tenant=7", "tenant=7,sentry-sample_rand=0.5"),
            (" ", DSC),
            ("sentry-a=1", "sentry-a=1"),
        ] {
            let vars = [("SENTRY_TRACE", TRACE), ("BAGGAGE", baggage), ("SENTRY_BAGGAGE", DSC)];
            let context = Propagator::default().extract(&Environment::from_vars(vars)).context;
            let sent = context.baggage().as_str();
            assert!(sent.starts_with(expected), "{sent}");
        }
    }

    #[test]
    fn every_variable_is_named() {
        assert_eq!(Environment::NAMES, VARIABLES.map(|(name, _)| name));
    }

    #[test]
    fn a_child_gets_every_variable_and_reads_baggage_once() {
        let started = Environment::from_vars([("SENTRY_TRACE", TRACE), ("SENTRY_BAGGAGE", DSC)]);
        let context = Propagator::default().extract(&started).context;
        let mut child = Environment::default();
        Propagator::default().inject(&context, &mut child);
        let names: Vec<_> = child.vars().map(|(name, _)| name).collect();
        assert_eq!(names, ["TRACEPARENT", "SENTRY_TRACE", "BAGGAGE", "SENTRY_BAGGAGE"]);
        assert_eq!(Propagator::default().extract(&child).context.baggage().len(), 1);
    }

    #[test]
    fn variables_that_are_not_text_or_not_ours_are_left_out() {
        use std::os::unix::ffi::OsStringExt;
        let vars = [
            ("PATH", OsString::from("/bin")),
            ("TRACEPARENT", OsString::from_vec(vec![0xff, 0xfe])),
        ];
        assert_eq!(Environment::from_vars(vars).vars().count(), 0);
    }
}

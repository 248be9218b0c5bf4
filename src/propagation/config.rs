//! A propagator from a configuration file.

use serde::de::{Deserialize, Deserializer, Error};

use super::{BaggageKeys, Format, Propagator, SentryConfig};
use crate::context::SpanId;

/// Every field may be left out. Formats have the names of `OTEL_PROPAGATORS`.
///
/// ```
/// use throughline::propagation::Propagator;
///
/// let propagator: Propagator = serde_json::from_str(r#"{
///     "accept": ["tracecontext", "baggage", "b3"],
///     "primary": "tracecontext",
///     "forward_baggage": ["tenant"],
///     "sentry": {"release": "shop@1.4", "sample_rate": 0.5}
/// }"#).unwrap();
/// ```
impl<'de> Deserialize<'de> for Propagator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let config = Config::deserialize(deserializer)?;
        let mut propagator = Self::default();
        if let Some(formats) = config.accept {
            propagator = propagator.accept(formats);
        }
        if let Some(formats) = config.emit {
            propagator = propagator.emit(formats);
        }
        if let Some(primary) = config.primary {
            propagator = propagator.primary(primary);
        }
        if let Some(keys) = config.accept_baggage {
            propagator = propagator.accept_baggage(keys);
        }
        if let Some(keys) = config.forward_baggage {
            propagator = propagator.forward_baggage(keys);
        }
        if let Some(set) = config.random_bit {
            propagator = propagator.random_bit(set);
        }
        if config.fresh_ids {
            propagator = propagator.fresh_ids(SpanId::random);
        }
        propagator = propagator.max_baggage(
            config.max_baggage_members.unwrap_or(usize::MAX),
            config.max_baggage_bytes.unwrap_or(usize::MAX),
        );
        if let Some(bytes) = config.max_trace_state_bytes {
            propagator = propagator.max_trace_state(bytes);
        }
        match config.sentry {
            None => Ok(propagator),
            Some(sentry) => Ok(propagator.sentry(sentry.into_config().map_err(D::Error::custom)?)),
        }
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            D::Error::custom(format!("unknown propagator: expected one of {known}"))
        })
    }
}

/// `true`, `false`, a list of keys, or `{"except": [keys]}`.
impl<'de> Deserialize<'de> for BaggageKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Keys {
            All(bool),
            Only(Vec<String>),
            Except { except: Vec<String> },
        }
        Ok(match Keys::deserialize(deserializer)? {
            Keys::All(all) => Self::from(all),
            Keys::Only(keys) => Self::Only(keys),
            Keys::Except { except } => Self::Except(except),
        })
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    accept: Option<Vec<Format>>,
    emit: Option<Vec<Format>>,
    primary: Option<Format>,
    accept_baggage: Option<BaggageKeys>,
    forward_baggage: Option<BaggageKeys>,
    max_baggage_members: Option<usize>,
    max_baggage_bytes: Option<usize>,
    max_trace_state_bytes: Option<usize>,
    random_bit: Option<bool>,
    #[serde(default)]
    fresh_ids: bool,
    sentry: Option<Sentry>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Sentry {
    dsn: Option<String>,
    public_key: Option<String>,
    release: Option<String>,
    environment: Option<String>,
    org_id: Option<String>,
    sample_rate: Option<f64>,
    #[serde(default)]
    strict_continuation: bool,
}

impl Sentry {
    fn into_config(self) -> Result<SentryConfig, String> {
        let mut config = SentryConfig::new().strict_continuation(self.strict_continuation);
        if let Some(id) = self.org_id {
            config = config.org_id(id);
        }
        if let Some(dsn) = self.dsn {
            config = config.dsn(&dsn).map_err(|error| error.to_string())?;
        }
        if let Some(key) = self.public_key {
            config = config.public_key(key);
        }
        if let Some(release) = self.release {
            config = config.release(release);
        }
        if let Some(environment) = self.environment {
            config = config.environment(environment);
        }
        match self.sample_rate {
            None => Ok(config),
            Some(rate) if (0.0..=1.0).contains(&rate) => Ok(config.sample_rate(rate)),
            Some(_) => Err("sample_rate is not a number from 0 to 1".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Propagator, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    fn sent(json: &str) -> Vec<String> {
        let carrier = [
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("baggage", "a=1,b=2"),
        ];
        let propagator = read(json).unwrap();
        let mut out: Vec<(String, String)> = Vec::new();
        propagator.inject(&propagator.extract(carrier.as_slice()).context, &mut out);
        out.into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        assert_eq!(sent("{}").len(), 2);
        assert_eq!(sent(r#"{"emit": ["baggage"], "forward_baggage": true}"#), ["baggage: a=1,b=2"]);
        assert_eq!(sent(r#"{"emit": ["baggage"], "forward_baggage": ["b"]}"#), ["baggage: b=2"]);
        let except = r#"{"emit": ["baggage"], "forward_baggage": {"except": ["b"]}}"#;
        assert_eq!(sent(except), ["baggage: a=1"]);
        let sentry =
            sent(r#"{"sentry": {"dsn": "https://k@o1.ingest.sentry.io/2", "release": "r"}}"#);
        assert!(sentry[2].contains("sentry-public_key=k") && sentry[2].contains("sentry-org_id=1"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (json, reason) in [
            (r#"{"accept": ["jaeger"]}"#, "tracecontext"),
            (r#"{"acept": []}"#, "acept"),
            (r#"{"sentry": {"sample_rate": 2}}"#, "from 0 to 1"),
            (r#"{"sentry": {"dsn": "nonsense"}}"#, "SENTRY_DSN"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}

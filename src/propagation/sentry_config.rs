use std::fmt;

use http::Uri;

/// What a service says of itself in the dynamic sampling context of the traces that begin with it,
/// and which organization's traces it continues.
///
/// ```
/// use throughline::propagation::SentryConfig;
///
/// let config = SentryConfig::new().release("shop@1.4").environment("production").sample_rate(0.5);
/// ```
#[derive(Clone, Debug, Default)]
pub struct SentryConfig {
    pub(super) public_key: Option<String>,
    pub(super) release: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) org_id: Option<String>,
    pub(super) sample_rate: Option<f64>,
    strict: bool,
}

impl SentryConfig {
    /// A service that says nothing of itself but the trace id and the decision.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the public key from a DSN, and the organization's id from its host if it is there:
    /// `https://<public key>@o<organization>.ingest.sentry.io/<project>`.
    ///
    /// # Errors
    /// If the text is no DSN. The error does not repeat it.
    pub fn dsn(self, dsn: &str) -> Result<Self, SentryConfigError> {
        let error = SentryConfigError { variable: "SENTRY_DSN", expected: "a DSN" };
        let uri: Uri = dsn.parse().map_err(|_| error.clone())?;
        let user_and_host = uri.authority().and_then(|a| a.as_str().rsplit_once('@'));
        let (Some("http" | "https"), Some((user, host))) = (uri.scheme_str(), user_and_host) else {
            return Err(error);
        };
        let public_key = user.split(':').next().filter(|key| !key.is_empty());
        let project = uri.path().rsplit('/').next().filter(|project| !project.is_empty());
        let (Some(public_key), Some(_)) = (public_key, project) else { return Err(error) };
        let config = self.public_key(public_key);
        Ok(match (config.org_id.is_none(), organization(host)) {
            (true, Some(id)) => config.org_id(id),
            _ => config,
        })
    }

    /// What the variables of Sentry's SDKs say: `SENTRY_DSN`, `SENTRY_RELEASE`, `SENTRY_ENVIRONMENT`,
    /// `SENTRY_TRACES_SAMPLE_RATE` and `SENTRY_ORG_ID`. They are passed in, for example
    /// `std::env::vars()`; empty ones count as absent.
    ///
    /// # Errors
    /// If the DSN is none, or the rate is no number from 0 to 1.
    pub fn from_vars<N, V>(
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, SentryConfigError>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let (mut config, mut dsn) = (Self::new(), None);
        for (name, value) in vars {
            let value = value.as_ref();
            config = match name.as_ref() {
                _ if value.is_empty() => config,
                "SENTRY_RELEASE" => config.release(value),
                "SENTRY_ENVIRONMENT" => config.environment(value),
                "SENTRY_ORG_ID" => config.org_id(value),
                "SENTRY_TRACES_SAMPLE_RATE" => {
                    let rate = value.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
                    config.sample_rate(rate.ok_or(SentryConfigError {
                        variable: "SENTRY_TRACES_SAMPLE_RATE",
                        expected: "a number from 0 to 1",
                    })?)
                }
                "SENTRY_DSN" => {
                    dsn = Some(value.to_owned());
                    config
                }
                _ => config,
            };
        }
        match dsn {
            Some(dsn) => config.dsn(&dsn),
            None => Ok(config),
        }
    }

    /// The public key of the DSN. Here and below, an empty text counts as absent.
    #[must_use]
    pub fn public_key(self, key: impl Into<String>) -> Self {
        Self { public_key: present(key), ..self }
    }

    /// The version of the service.
    #[must_use]
    pub fn release(self, release: impl Into<String>) -> Self {
        Self { release: present(release), ..self }
    }

    /// Where the service runs.
    #[must_use]
    pub fn environment(self, environment: impl Into<String>) -> Self {
        Self { environment: present(environment), ..self }
    }

    /// The organization whose traces are continued (rule SE-8).
    #[must_use]
    pub fn org_id(self, id: impl Into<String>) -> Self {
        Self { org_id: present(id), ..self }
    }

    /// The share of traces that the head keeps, from 0 to 1. What is no number counts as absent.
    #[must_use]
    pub fn sample_rate(self, rate: f64) -> Self {
        let rate = Some(rate.clamp(0.0, 1.0)).filter(|rate| !rate.is_nan());
        Self { sample_rate: rate, ..self }
    }

    /// Whether a trace is continued only if both sides name the same organization, or neither names
    /// one (rule SE-8).
    #[must_use]
    pub fn strict_continuation(self, strict: bool) -> Self {
        Self { strict, ..self }
    }

    /// Whether a trace of that organization is continued (rule SE-8).
    pub(super) fn continues(&self, org_id: Option<&str>) -> bool {
        match (org_id, self.org_id.as_deref()) {
            (Some(theirs), Some(ours)) => theirs == ours,
            (None, None) => true,
            _ => !self.strict,
        }
    }
}

fn present(text: impl Into<String>) -> Option<String> {
    Some(text.into()).filter(|text| !text.is_empty())
}

/// The digits of a host such as `o123.ingest.sentry.io`.
fn organization(host: &str) -> Option<&str> {
    let (label, _) = host.split_once('.')?;
    let digits = label.strip_prefix('o')?;
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then_some(digits)
}

/// A setting for Sentry that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentryConfigError {
    variable: &'static str,
    expected: &'static str,
}

impl fmt::Display for SentryConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not {}", self.variable, self.expected)
    }
}

impl std::error::Error for SentryConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se_6_a_dsn_gives_public_key_and_organization() {
        let config = SentryConfig::new().dsn("https://key:secret@o42.ingest.sentry.io/7").unwrap();
        assert_eq!(config.public_key.as_deref(), Some("key"));
        assert_eq!(config.org_id.as_deref(), Some("42"));
        let own =
            SentryConfig::new().org_id("1").dsn("http://key@sentry.example:9000/a/7").unwrap();
        assert_eq!((own.public_key.as_deref(), own.org_id.as_deref()), (Some("key"), Some("1")));
        for bad in [
            "",
            "key",
            "https://sentry.io/7",
            "https://@sentry.io/7",
            "ftp://k@h/7",
            "https://k@h/",
        ] {
            let error = SentryConfig::new().dsn(bad).unwrap_err();
            assert_eq!(error.to_string(), "SENTRY_DSN is not a DSN", "{bad}");
        }
    }

    #[test]
    fn what_says_nothing_counts_as_absent() {
        let config = SentryConfig::new().environment("").sample_rate(f64::NAN).release("r");
        assert_eq!((config.environment, config.sample_rate), (None, None));
        assert_eq!(config.release.as_deref(), Some("r"));
    }

    #[test]
    fn variables_say_what_they_say_to_sentrys_sdks() {
        let vars = [
            ("SENTRY_DSN", "https://key@o42.ingest.sentry.io/7"),
            ("SENTRY_ORG_ID", "43"),
            ("SENTRY_RELEASE", "shop@1"),
            ("SENTRY_ENVIRONMENT", ""),
            ("SENTRY_TRACES_SAMPLE_RATE", "0.25"),
        ];
        let config = SentryConfig::from_vars(vars).unwrap();
        assert_eq!(
            (config.org_id.as_deref(), config.release.as_deref()),
            (Some("43"), Some("shop@1"))
        );
        assert_eq!((config.environment, config.sample_rate), (None, Some(0.25)));
        for bad in ["2", "-1", "x", "NaN"] {
            let error = SentryConfig::from_vars([("SENTRY_TRACES_SAMPLE_RATE", bad)]).unwrap_err();
            assert!(error.to_string().contains("from 0 to 1"));
        }
    }
}

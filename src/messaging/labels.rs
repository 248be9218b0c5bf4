use std::borrow::Cow;

use opentelemetry::KeyValue;

use super::role::Role;
use super::semconv;
use super::settings::Names;

/// The attributes of metrics, made once for all messages. What the conventions have for one metric and
/// not for another is why there are several sets.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels {
    pub(super) sent: Vec<KeyValue>,
    pub(super) sending: Vec<KeyValue>,
    pub(super) processing: Vec<KeyValue>,
}

impl Labels {
    /// The sets of operations with these names, on one system and one destination at most.
    pub(super) fn new(of_any: &[KeyValue], names: Names) -> Self {
        let named = |name: &'static str| {
            [of_any, &[KeyValue::new(semconv::MESSAGING_OPERATION_NAME, name)]].concat()
        };
        let sent = named(names.send);
        let operation_type =
            KeyValue::new(semconv::MESSAGING_OPERATION_TYPE, Role::Send.operation_type());
        let sending = [&sent[..], &[operation_type]].concat();
        Self { sent, sending, processing: named(names.process) }
    }
}

/// The same set, with the error if there was one.
pub(super) fn with_error<'a>(
    labels: &'a [KeyValue],
    error_type: Option<&Cow<'static, str>>,
) -> Cow<'a, [KeyValue]> {
    match error_type {
        Some(error_type) => {
            let error = KeyValue::new(semconv::ERROR_TYPE, error_type.clone());
            [labels, &[error]].concat().into()
        }
        None => labels.into(),
    }
}

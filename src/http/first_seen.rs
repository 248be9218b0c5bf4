use std::sync::{Arc, OnceLock};

/// The first text that came by, shared with those that are equal: a layer sees few hosts, mostly one.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstSeen(OnceLock<Arc<str>>);

impl FirstSeen {
    pub(super) fn shared(&self, text: &str) -> Arc<str> {
        let first = self.0.get_or_init(|| Arc::from(text));
        if **first == *text { Arc::clone(first) } else { Arc::from(text) }
    }
}

//! The work of Sentry's SDK, for its own header.

use std::hint::black_box;

use http::HeaderMap;
use sentry_core::{TracePropagationContext, TransactionContext};

pub(crate) const REFUSED: &str = "0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-1";

pub(crate) fn parse(text: &'static str) {
    let headers = [("sentry-trace", black_box(text))];
    let _ = black_box(TracePropagationContext::try_from_headers(headers));
}

pub(crate) fn extract(headers: &'static HeaderMap) {
    let pairs = black_box(headers)
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    black_box(TransactionContext::continue_from_headers("name", "op", pairs));
}

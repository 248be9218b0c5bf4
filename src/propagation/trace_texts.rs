use std::cell::OnceCell;

use bytes::Bytes;
use http::HeaderValue;

use super::format::Formats;
use super::{Format, sentry_trace, traceparent};
use crate::context::TraceParent;

/// The values of `traceparent` and `sentry-trace` of one parent, side by side, so that as header
/// values they share one allocation.
#[derive(Debug)]
pub(super) struct TraceTexts {
    texts: [u8; LENGTH],
    sentry_trace_end: usize,
    both: bool,
    shared: OnceCell<Bytes>,
}

impl TraceTexts {
    /// The texts of a parent in those of the two formats that are written.
    #[inline]
    pub(super) fn new(parent: &TraceParent, formats: Formats) -> Self {
        let mut texts = [0; LENGTH];
        let mut end = MIDDLE;
        let first = traceparent::format(parent);
        texts[..MIDDLE].copy_from_slice(&first);
        if formats.has(Format::Sentry) {
            let (second, length) = sentry_trace::format(parent, &first);
            texts[MIDDLE..].copy_from_slice(&second);
            end += length;
        }
        let both = end > MIDDLE && formats.has(Format::TraceContext);
        Self { texts, sentry_trace_end: end, both, shared: OnceCell::new() }
    }

    pub(super) fn traceparent(&self) -> TextPart<'_> {
        TextPart { whole: self, start: 0, end: MIDDLE }
    }

    pub(super) fn sentry_trace(&self) -> TextPart<'_> {
        TextPart { whole: self, start: MIDDLE, end: self.sentry_trace_end }
    }
}

/// One of two texts.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextPart<'a> {
    whole: &'a TraceTexts,
    start: usize,
    end: usize,
}

impl<'a> TextPart<'a> {
    pub(super) fn as_bytes(self) -> &'a [u8] {
        self.whole.texts.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn as_str(self) -> &'a str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    #[inline]
    pub(super) fn to_header_value(self) -> HeaderValue {
        let value = if self.whole.both {
            // An owner in place is one allocation; a vector that is shared would be two.
            let shared = self.whole.shared.get_or_init(|| Bytes::from_owner(self.whole.texts));
            HeaderValue::from_maybe_shared(shared.slice(self.start..self.end))
        } else {
            HeaderValue::from_bytes(self.as_bytes())
        };
        value.unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

const MIDDLE: usize = traceparent::LENGTH;
const LENGTH: usize = MIDDLE + sentry_trace::LENGTH;

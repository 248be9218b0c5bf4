//! Finds the digits that name the parent in a text that starts with a context, without parsing it.

use memchr::{memchr2, memmem};

use super::Envelope;
use crate::context::{Decision, SpanId, TraceId, TraceParent, encode_hex};
use crate::limits;

/// Where the context at the start of a text names its parent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ParentDigits {
    traceparent: Option<usize>,
    /// Of `_trace` and of `_sentry`.
    sentry_trace: [Option<usize>; 2],
}

impl ParentDigits {
    /// Where an envelope names a parent; `None` if it does so elsewhere than at the start of a text.
    pub(super) fn written_by(envelope: &Envelope) -> Option<Self> {
        let (trace, parent) = (TraceId::from_u128(1)?, SpanId::from_u64(1)?);
        let parent = TraceParent::new(trace, parent, Decision::Sampled);
        Self::find(&envelope.prepend("{}", &parent.into()), &parent)
    }

    /// Whether these name the parent in the same members as the others.
    pub(super) fn are_where(&self, others: &Self) -> bool {
        let places = |of: &Self| [of.traceparent, of.sentry_trace[0], of.sentry_trace[1]];
        places(self).map(|place| place.is_some()) == places(others).map(|place| place.is_some())
    }

    /// Finds them in a text that starts as an envelope writes it, if the context is of the span's
    /// trace and has room for its decision. `None` says nothing about the text but that it is to be
    /// read in another way.
    pub(super) fn find(text: &str, span: &TraceParent) -> Option<Self> {
        let mut found = Self::default();
        let mut cursor = Cursor { text: text.as_bytes(), at: 0, trace_id: hex(span.trace_id()) };
        let decided = span.sampled().is_some();
        cursor.takes(b"{").then_some(())?;
        loop {
            if cursor.takes(br#""_trace":{"#) {
                cursor.trace(&mut found, decided)?;
            } else if cursor.takes(br#""_sentry":{"#) {
                cursor.sentry(&mut found, decided)?;
            } else {
                break;
            }
            if !cursor.takes(b",") {
                break;
            }
        }
        let late = text.len().saturating_sub(limits::LATE_DUPLICATE_BYTES).max(cursor.at);
        let is_whole = found != Self::default() && !may_have_another(text.as_bytes().get(late..)?);
        is_whole.then_some(found)
    }

    /// Names the span that the digits were searched for.
    pub(super) fn overwrite(&self, text: &mut String, span: &TraceParent) {
        let mut digits = [0; 16];
        encode_hex(&span.parent_id().to_bytes(), &mut digits);
        let digits = std::str::from_utf8(&digits).unwrap_or_default();
        let sampled = span.sampled() == Some(true);
        if let Some(at) = self.traceparent {
            text.replace_range(at..at + 16, digits);
            let flags = match (span.random(), sampled) {
                (false, false) => "-00",
                (false, true) => "-01",
                (true, false) => "-02",
                (true, true) => "-03",
            };
            text.replace_range(at + 16..at + 19, flags);
        }
        for at in self.sentry_trace.into_iter().flatten() {
            text.replace_range(at..at + 16, digits);
            if span.sampled().is_some() {
                text.replace_range(at + 16..at + 18, if sampled { "-1" } else { "-0" });
            }
        }
    }
}

/// Walks what an envelope writes.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    trace_id: [u8; 32],
}

impl Cursor<'_> {
    fn takes(&mut self, expected: &[u8]) -> bool {
        let is_next = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(expected));
        if is_next {
            self.at += expected.len();
        }
        is_next
    }

    /// The inside of `_trace`.
    fn trace(&mut self, found: &mut ParentDigits, decided: bool) -> Option<()> {
        loop {
            if self.takes(br#""traceparent":""#) {
                self.takes(b"00-").then_some(())?;
                self.put(&mut found.traceparent, 3)?;
            } else if self.takes(br#""sentry-trace":""#) {
                self.put(&mut found.sentry_trace[0], if decided { 2 } else { 0 })?;
            } else {
                self.skip()?;
            }
            if self.ends()? {
                return Some(());
            }
        }
    }

    /// The inside of `_sentry`.
    fn sentry(&mut self, found: &mut ParentDigits, decided: bool) -> Option<()> {
        loop {
            if self.takes(br#""trace":""#) {
                self.put(&mut found.sentry_trace[1], if decided { 2 } else { 0 })?;
            } else {
                self.skip()?;
            }
            if self.ends()? {
                return Some(());
            }
        }
    }

    /// A value of trace id, parent id and `rest` bytes, all of them ASCII.
    fn put(&mut self, place: &mut Option<usize>, rest: usize) -> Option<()> {
        let value = self.text.get(self.at..self.at + 32 + 1 + 16 + rest)?;
        let is_usual = value.starts_with(&self.trace_id) && value.is_ascii();
        (is_usual && !value.contains(&b'"') && place.is_none()).then_some(())?;
        *place = Some(self.at + 33);
        self.at += value.len();
        self.takes(b"\"").then_some(())
    }

    /// A field that passes as it came.
    fn skip(&mut self) -> Option<()> {
        let is_known = self.takes(br#""tracestate":""#) || self.takes(br#""baggage":""#);
        let rest = self.text.get(self.at..).filter(|_| is_known)?;
        // A list with something escaped in it is read in another way.
        let end = memchr2(b'"', b'\\', rest).filter(|end| rest.get(*end) == Some(&b'"'))?;
        self.at += end + 1;
        Some(())
    }

    /// Whether that was the last field.
    fn ends(&mut self) -> Option<bool> {
        match self.takes(b",") {
            true => Some(false),
            false => self.takes(b"}").then_some(true),
        }
    }
}

/// Whether the end of a text may hold another context: a key with our first letter, or one that is
/// escaped.
fn may_have_another(end: &[u8]) -> bool {
    memmem::find(end, b"\"_").is_some() || memmem::find(end, b"\\u00").is_some()
}

fn hex(id: TraceId) -> [u8; 32] {
    let mut digits = [0; 32];
    encode_hex(&id.to_bytes(), &mut digits);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::TraceContext;

    const RECEIVED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn span(decision: Decision) -> TraceParent {
        let received: TraceParent = RECEIVED.parse().unwrap();
        received.child(SpanId::from_u64(0x0102_0304_0506_0708).unwrap(), decision)
    }

    fn context(decision: Decision) -> TraceContext {
        let mut context = TraceContext::from(span(decision));
        *context.trace_state_mut() = "a=1,b=\u{7e}".parse().unwrap();
        context.baggage_mut().push("sentry-sample_rand", "0.5").unwrap();
        context.baggage_mut().push("sentry-trace_id", "0af7651916cd43dd8448eb211c80319c").unwrap();
        context
    }

    fn written(context: &TraceContext) -> String {
        Envelope::json().replace(r#"{"a":{"_id":1,"t":"\u00e9"},"b":2}"#, context).into_owned()
    }

    /// Enough of a payload for look-alikes to lie before what is searched.
    fn with_long_end(text: &str) -> String {
        let end = format!(r#","c":"{}"}}"#, "x".repeat(limits::LATE_DUPLICATE_BYTES));
        format!("{}{end}", text.strip_suffix('}').unwrap())
    }

    #[test]
    fn what_an_envelope_writes_is_changed_as_if_it_were_written_anew() {
        for old in [Decision::Sampled, Decision::NotSampled, Decision::Deferred] {
            for new in [Decision::Sampled, Decision::NotSampled, Decision::Deferred] {
                let mut before = context(old);
                let parent: TraceParent = RECEIVED.parse().unwrap();
                before = before.child(parent.parent_id(), old);
                let mut text = with_long_end(&written(&before));
                let expected = with_long_end(&written(&context(new)));
                let fits = (old == Decision::Deferred) == (new == Decision::Deferred);
                match ParentDigits::find(&text, &span(new)) {
                    Some(digits) => digits.overwrite(&mut text, &span(new)),
                    None => assert!(!fits, "{old:?} {new:?}"),
                }
                assert_eq!(text == expected, fits, "{old:?} {new:?}\n{text}\n{expected}");
            }
        }
    }

    #[test]
    fn what_is_not_certain_is_read_in_another_way() {
        let usual = with_long_end(&written(&context(Decision::Sampled)));
        let own = span(Decision::Sampled);
        assert!(ParentDigits::find(&usual, &own).is_some());
        let other = "11111111111111111111111111111111";
        let doubled =
            format!(r#"{{"_trace":{{"traceparent":"{RECEIVED}","traceparent":"{RECEIVED}"}}}}"#);
        for text in [
            String::new(),
            "{}".into(),
            "[1]".into(),
            format!(" {usual}"),
            usual.replace("\"_trace\":{", "\"_trace\": {"),
            usual.replace("0af7651916cd43dd8448eb211c80319c", other),
            usual.replacen("0af7651916cd43dd8448eb211c80319c", other, 1),
            usual.replace("b=~", r"b=\u007e"),
            usual.replace("\"tracestate\"", "\"other\""),
            usual.replace("\"traceparent\":\"00-", "\"traceparent\":\"01-"),
            usual.replace("-01\"", "-0\u{e9}"),
            format!(r#"{},"_trace":{{}}}}"#, usual.strip_suffix('}').unwrap()),
            format!(r#"{},"\u005ftrace":{{}}}}"#, usual.strip_suffix('}').unwrap()),
            doubled,
        ] {
            assert_eq!(ParentDigits::find(&text, &own), None, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_cut_off_anywhere_does_not_panic() {
        let usual = written(&context(Decision::Sampled));
        let own = span(Decision::NotSampled);
        for end in 0..usual.len() {
            let mut text = usual[..end].to_owned();
            if let Some(digits) = ParentDigits::find(&text, &own) {
                digits.overwrite(&mut text, &own);
                assert_eq!(text.len(), end);
            }
        }
    }
}

//! Finds the digits that name the parent in a context that is written as an envelope writes it.

use super::Envelope;
use super::written::Written;
use crate::context::{Decision, SpanId, TraceId, TraceParent, encode_hex};

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
        let text = envelope.prepend("{}", &parent.into());
        Self::find(&text, &envelope.written_first(&text)?, &parent)
    }

    /// Whether these name the parent in the same members as the others.
    pub(super) fn are_where(&self, others: &Self) -> bool {
        let ([trace, sentry], [other_trace, other_sentry]) =
            (self.sentry_trace, others.sentry_trace);
        self.traceparent.is_some() == others.traceparent.is_some()
            && trace.is_some() == other_trace.is_some()
            && sentry.is_some() == other_sentry.is_some()
    }

    /// Finds them in the context of a text, if it is of the span's trace and has room for its
    /// decision. `None` says nothing about the text but that it is to be read in another way.
    pub(super) fn find(text: &str, written: &Written<'_>, span: &TraceParent) -> Option<Self> {
        let mut trace_id = [b'-'; TRACE_DIGITS + "-".len()];
        encode_hex(&span.trace_id().to_bytes(), &mut trace_id[..TRACE_DIGITS]);
        let place = |ids: Option<&str>, is_behind: fn(&[u8]) -> bool| {
            let Some(ids) = ids else { return Some(None) };
            let (of, ids) = ids.as_bytes().split_first_chunk()?;
            let (id, behind) = ids.split_first_chunk::<DIGITS>()?;
            // Over anything else, digits could make a context or JSON of what is none.
            let is_usual =
                *of == trace_id && are_digits(id) && *id != [b'0'; DIGITS] && is_behind(behind);
            is_usual.then(|| Some(id.as_ptr().addr() - text.as_ptr().addr()))
        };
        let is_flags = |flags: &[u8]| matches!(*flags, [b'-', a, b] if are_digits(&[a, b]));
        let is_decision: fn(&[u8]) -> bool = match span.sampled() {
            Some(_) => |decision| matches!(decision, b"-0" | b"-1"),
            None => <[u8]>::is_empty,
        };
        let ([traceparent, _, sentry_trace, _], [trace, _]) = (written.trace, written.sentry);
        let traceparent = match traceparent {
            Some(value) => Some(value.strip_prefix("00-")?),
            None => None,
        };
        let found = Self {
            traceparent: place(traceparent, is_flags)?,
            sentry_trace: [place(sentry_trace, is_decision)?, place(trace, is_decision)?],
        };
        (found != Self::default()).then_some(found)
    }

    /// Names the span that the digits were searched for.
    pub(super) fn overwrite(&self, text: &mut String, span: &TraceParent) {
        let mut new = [0; DIGITS + "-01".len()];
        encode_hex(&span.parent_id().to_bytes(), &mut new[..DIGITS]);
        let flags = match (span.random(), span.sampled() == Some(true)) {
            (false, false) => "-00",
            (false, true) => "-01",
            (true, false) => "-02",
            (true, true) => "-03",
        };
        let decision = span.sampled().map_or("", |sampled| if sampled { "-1" } else { "-0" });
        let [trace, sentry] = self.sentry_trace;
        for (at, behind) in [(self.traceparent, flags), (trace, decision), (sentry, decision)] {
            let Some(at) = at else { continue };
            let length = DIGITS + behind.len();
            new[DIGITS..length].copy_from_slice(behind.as_bytes());
            text.replace_range(at..at + length, str::from_utf8(&new[..length]).unwrap_or_default());
        }
    }
}

/// Of the id of a trace.
const TRACE_DIGITS: usize = 32;

/// Of the id of a parent.
const DIGITS: usize = 16;

/// Whether all are lower-case hex digits. Without a branch, so that compilers make vector instructions of it.
fn are_digits<const N: usize>(bytes: &[u8; N]) -> bool {
    bytes.iter().fold(true, |all, byte| all & matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::TraceContext;
    use crate::limits;

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

    fn find(text: &str, span: &TraceParent) -> Option<ParentDigits> {
        ParentDigits::find(text, &Envelope::json().written_first(text)?, span)
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
                match find(&text, &span(new)) {
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
        assert!(find(&usual, &own).is_some());
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
            usual.replace("-01\"", "-0\u{1}\""),
            usual.replace("-0102", "-01-2"),
            usual.replace("-0102030405060708-", "-0000000000000000-"),
            usual.replace("08-1\"", "08-2\""),
            usual.replace("-01\"", r#"-0\""#),
            usual.replace("-1\"", r#"-\""#),
            format!("{usual} "),
            usual.strip_suffix('}').unwrap().to_owned(),
            format!(r#"{},"_trace":{{}}}}"#, usual.strip_suffix('}').unwrap()),
            format!(r#"{},"\u005ftrace":{{}}}}"#, usual.strip_suffix('}').unwrap()),
            doubled,
        ] {
            assert_eq!(find(&text, &own), None, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_cut_off_anywhere_does_not_panic() {
        let usual = written(&context(Decision::Sampled));
        let own = span(Decision::NotSampled);
        for end in 0..usual.len() {
            let mut text = usual[..end].to_owned();
            if let Some(digits) = find(&text, &own) {
                digits.overwrite(&mut text, &own);
                assert_eq!(text.len(), end);
            }
        }
    }
}

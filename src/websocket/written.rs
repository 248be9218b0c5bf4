//! Reads a context at the start of a text if it is written as an [`Envelope`](super::Envelope) writes it,
//! in one walk that looks at nothing twice. Whatever is written otherwise is for the search.

use memchr::memchr2;

use super::scan::{First, Keys, ends_like_a_value};
use crate::limits;

/// The members of `_trace` and `_sentry` at the start of an object that has no other context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written<'a> {
    pub(super) trace: WrittenMembers<'a, 4>,
    pub(super) sentry: WrittenMembers<'a, 2>,
    /// All behind the context, to the closing brace.
    rest: &'a str,
}

/// Texts in the order of [`TRACE`] or [`SENTRY`], without a quotation mark or a backslash in them.
pub(super) type WrittenMembers<'a, const N: usize> = [Option<&'a str>; N];

impl<'a> Written<'a> {
    /// `None` says nothing about the text but that it is to be read in another way. Members with one of
    /// `keys` are other contexts, or may be; a context is at most `max_bytes` long.
    pub(super) fn find(text: &'a str, keys: &Keys, max_bytes: usize) -> Option<Self> {
        let mut found = Self::default();
        let mut rest = text.strip_suffix('}')?.strip_prefix('{')?;
        let mut walked = [false; 2];
        loop {
            let before = rest.len();
            if let Some(inside) = rest.strip_prefix(r#""_trace":{"#).filter(|_| !walked[0]) {
                (walked[0], rest) = (true, members(inside, TRACE, &mut found.trace)?);
            } else if let Some(inside) = rest.strip_prefix(r#""_sentry":{"#).filter(|_| !walked[1])
            {
                (walked[1], rest) = (true, members(inside, SENTRY, &mut found.sentry)?);
            } else {
                found.rest = text.get(text.len() - "}".len() - rest.len()..)?;
                let is_all = walked != [false; 2] && ends_like_a_value(rest);
                return (is_all && !has_other_key(rest, keys)).then_some(found);
            }
            (before - rest.len() <= max_bytes).then_some(())?;
            if rest.is_empty() {
                return Some(Self { rest: "}", ..found });
            }
            rest = rest.strip_prefix(',').filter(|next| next.starts_with('"'))?;
        }
    }

    /// The lists of baggage in it.
    pub(super) fn baggage(&self) -> impl Iterator<Item = &'a str> {
        let ([.., trace], [.., sentry]) = (self.trace, self.sentry);
        trace.into_iter().chain(sentry)
    }

    /// How many members the context takes.
    pub(super) fn members(&self) -> usize {
        usize::from(self.trace != [None; 4]) + usize::from(self.sentry != [None; 2])
    }

    /// The text with these members instead of the context. `None` if there are control characters in the
    /// context: without them, the text could be JSON, and now it is not.
    pub(super) fn replaced<F: First + ?Sized>(&self, members: &F) -> Option<String> {
        // Without a branch, so that compilers make vector instructions of it.
        let is_plain = |text: &str| text.bytes().fold(true, |plain, byte| plain & (byte >= b' '));
        let mut values = self.trace.iter().chain(&self.sentry).flatten();
        values.all(|value| is_plain(value)).then(|| {
            let comma = if self.rest == "}" { "" } else { members.comma() };
            let length = "{".len() + members.bytes() + comma.len() + self.rest.len();
            let mut out = String::with_capacity(length);
            out.push('{');
            members.push_to(&mut out);
            out.push_str(comma);
            out.push_str(self.rest);
            out
        })
    }
}

/// Reads members up to the closing brace; returns what is behind it.
fn members<'a, const N: usize>(
    mut rest: &'a str,
    names: [&str; N],
    found: &mut WrittenMembers<'a, N>,
) -> Option<&'a str> {
    loop {
        let (at, value) =
            names.iter().enumerate().find_map(|(at, name)| Some((at, rest.strip_prefix(name)?)))?;
        let end = memchr2(b'"', b'\\', value.as_bytes())?;
        let (value, behind) = value.split_at(end);
        let is_first = found[at].replace(value).is_none();
        rest = behind.strip_prefix('"').filter(|_| is_first)?;
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return rest.strip_prefix('}'),
        }
    }
}

/// Whether a key stands at the start of members, or at their end at any level.
fn has_other_key(members: &str, keys: &Keys) -> bool {
    let members = members.as_bytes();
    let late = members.len().saturating_sub(limits::LATE_DUPLICATE_BYTES);
    let mut quote = if keys.may_begin(members) { Some(0) } else { keys.opening(members, late) };
    while let Some(at) = quote {
        if keys.spelled(members, at).is_some() {
            return true;
        }
        quote = keys.opening(members, late.max(at + 1));
    }
    false
}

const TRACE: [&str; 4] =
    [r#""traceparent":""#, r#""tracestate":""#, r#""sentry-trace":""#, r#""baggage":""#];
const SENTRY: [&str; 2] = [r#""trace":""#, r#""baggage":""#];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{TraceContext, TraceParent};
    use crate::websocket::{Envelope, Placement};

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn context() -> TraceContext {
        let mut context = TraceContext::from(PARENT.parse::<TraceParent>().unwrap());
        *context.trace_state_mut() = "a=1,b=\u{7e}".parse().unwrap();
        context.baggage_mut().push("sentry-sample_rand", "0.5").unwrap();
        context.baggage_mut().push("sentry-trace_id", "0af7651916cd43dd8448eb211c80319c").unwrap();
        context
    }

    #[test]
    fn what_an_envelope_writes_is_read_as_the_search_reads_it() {
        let placements = [
            vec![Placement::Trace],
            vec![Placement::Sentry],
            vec![Placement::Trace, Placement::Sentry],
            vec![Placement::Sentry, Placement::Trace],
        ];
        for placements in placements {
            let envelope = Envelope::json().write(placements);
            for payload in ["{}", r#"{"a":{"_id":1}}"#, r#"{"a":"_tracer","\u005e":"\"_trace\":"}"#]
            {
                let text = envelope.replace(payload, &context()).into_owned();
                assert!(envelope.written(&text).is_some(), "{text}");
                // The search allows white space, and the walk does not.
                let searched = format!("{text} ");
                assert!(envelope.written(&searched).is_none());
                let (found, searched) = (envelope.extract(&text), envelope.extract(&searched));
                assert_eq!(found.context, searched.context);
                assert_eq!(found.context.parent(), context().parent());
                assert_eq!(envelope.strip(&text), payload);
                assert_eq!(envelope.replace(&text, &context()), text);
            }
        }
    }

    #[test]
    fn what_is_written_otherwise_or_may_be_more_is_left_to_the_search() {
        let envelope =
            Envelope::json().write([Placement::Meta]).read([Placement::path(["params"])]);
        let usual = Envelope::json().replace(r#"{"a":1}"#, &context()).into_owned();
        assert!(envelope.written(&usual).is_some());
        let behind = |member: &str| format!("{},{member}}}", usual.strip_suffix('}').unwrap());
        for text in [
            String::new(),
            "{}".into(),
            r#"{"_trace":{}}"#.into(),
            usual.replacen('{', "{ ", 1),
            usual.replacen("\"_trace\":", "\"_trace\": ", 1),
            usual.replacen("\"_trace\"", "\"_meta\"", 1),
            usual.replacen("\"_sentry\"", "\"_trace\"", 1),
            usual.replacen("\"_sentry\"", "\"_meta\"", 1),
            usual.replacen("\"a\"", "\"params\"", 1),
            usual.replacen("\"a\"", r#""\u005ftrace""#, 1),
            usual.replacen("\"a\"", " \"a\"", 1),
            usual.replacen("\"tracestate\"", "\"traceparent\"", 1),
            usual.replacen("\"tracestate\"", "\"other\"", 1),
            usual.replacen("b=~", r"b=\u007e", 1),
            usual.replacen("\"00-", "[\"00-", 1),
            behind(r#""_trace":{}"#),
            behind(r#""\u005ftrace":{}"#),
            behind(r#""b":{"params":1}"#),
        ] {
            assert_eq!(envelope.written(&text), None, "{text}");
        }
        assert_eq!(envelope.clone().max_context_bytes(100).written(&usual), None);
        let long = format!(r#""b":"{}""#, "x".repeat(limits::LATE_DUPLICATE_BYTES));
        let early =
            behind(r#""_trace":0"#).replacen("\"_trace\":0", &format!("\"_trace\":0,{long}"), 1);
        assert!(envelope.written(&early).is_some(), "{early}");
    }

    #[test]
    fn ms_3_control_characters_are_not_replaced_by_json() {
        let usual = Envelope::json().replace(r#"{"a":1}"#, &context()).into_owned();
        assert!(Envelope::json().written(&usual).unwrap().replaced("").is_some());
        let text = usual.replacen("b=~", "b=\u{1}", 1);
        assert_eq!(Envelope::json().written(&text).unwrap().replaced(""), None);
        assert_eq!(Envelope::json().strip(&text), text);
    }

    #[test]
    fn ms_3_what_begins_well_and_is_no_object_stays_as_it_is() {
        let usual = Envelope::json().replace(r#"{"a":1}"#, &context()).into_owned();
        for end in [r#","bag}"#, r#","b":}"#, "", "]"] {
            let text = usual.replace(r#","a":1}"#, end);
            assert_eq!(Envelope::json().written(&text), None);
            assert_eq!(Envelope::json().strip(&text), text);
        }
    }

    #[test]
    fn a_text_that_is_cut_off_anywhere_is_read_or_not_but_does_not_panic() {
        let usual = Envelope::json().replace(r#"{"a":1}"#, &context()).into_owned();
        for end in 0..usual.len() {
            assert_eq!(Envelope::json().written(&usual[..end]), None);
            let _ = Envelope::json().written(&format!("{}}}", &usual[..end]));
        }
    }
}

//! Reads a context at the start of a text if it is written as an [`Envelope`](super::Envelope) writes it,
//! or the same at its end, where `JSON.stringify({...event, _trace})` puts it: by a walk that looks at
//! nothing twice. Whatever is written otherwise is for the search.

use memchr::{memchr2, memrchr};

use super::scan::{First, Keys, ends_like_a_value};
use crate::limits;

/// The members of `_trace` and `_sentry` at the start or the end of an object that has no other context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written<'a> {
    pub(super) trace: WrittenMembers<'a, 4>,
    pub(super) sentry: WrittenMembers<'a, 2>,
    /// The members of the payload, between the braces of the object.
    payload: &'a str,
    is_last: bool,
}

/// Texts in the order of [`TRACE`] or [`SENTRY`], without a quotation mark or a backslash in them.
pub(super) type WrittenMembers<'a, const N: usize> = [Option<&'a str>; N];

impl<'a> Written<'a> {
    /// A context that comes first. `None` says nothing about the text but that it is to be read in
    /// another way. Members with one of `keys` are other contexts, or may be; a context is at most
    /// `max_bytes` long.
    pub(super) fn first(text: &'a str, keys: &Keys, max_bytes: usize) -> Option<Self> {
        let mut found = Self::default();
        let mut rest = inside(text)?;
        while let Some(behind) = found.take(rest) {
            (rest.len() - behind.len() <= max_bytes).then_some(())?;
            if behind.is_empty() {
                return Some(found);
            }
            rest = behind.strip_prefix(',')?;
        }
        let late = rest.len().saturating_sub(limits::LATE_DUPLICATE_BYTES);
        let is_all = found.members() > 0 && is_framed(rest) && !has_other_key(rest, keys, late);
        is_all.then_some(Self { payload: rest, ..found })
    }

    /// A context that comes last, of an object that was searched as a whole for others. `None` says as
    /// much as of [`first`](Self::first).
    pub(super) fn last(text: &'a str, keys: &Keys, max_bytes: usize) -> Option<Self> {
        let mut rest = inside(text).filter(|members| members.ends_with(CONTEXT_END))?;
        let mut found = Self { is_last: true, ..Self::default() };
        while let Some((before, context)) = split_last(rest, max_bytes) {
            found.take(context)?.is_empty().then_some(())?;
            rest = before.strip_suffix(',')?;
        }
        let is_all = found.members() > 0 && is_framed(rest) && !has_other_key(rest, keys, 0);
        is_all.then_some(Self { payload: rest, ..found })
    }

    /// Reads the first member of an object if it is a context, and one that is not known yet; returns
    /// what is behind it.
    fn take(&mut self, object: &'a str) -> Option<&'a str> {
        if let Some(inside) = object.strip_prefix(TRACE_LEAD) {
            return says_nothing(&self.trace)
                .then(|| members(inside, TRACE, &mut self.trace))
                .flatten();
        }
        let inside = object.strip_prefix(SENTRY_LEAD)?;
        says_nothing(&self.sentry).then(|| members(inside, SENTRY, &mut self.sentry)).flatten()
    }

    /// Whether it stands behind the payload.
    pub(super) fn is_last(&self) -> bool {
        self.is_last
    }

    /// The lists of baggage in it.
    pub(super) fn baggage(&self) -> impl Iterator<Item = &'a str> {
        let ([.., trace], [.., sentry]) = (self.trace, self.sentry);
        trace.into_iter().chain(sentry)
    }

    /// How many members the context takes.
    pub(super) fn members(&self) -> usize {
        usize::from(!says_nothing(&self.trace)) + usize::from(!says_nothing(&self.sentry))
    }

    /// The text with these members instead of the context. `None` if there are control characters in the
    /// context: without them, the text could be JSON, and now it is not.
    pub(super) fn replaced<F: First + ?Sized>(&self, members: &F) -> Option<String> {
        // Without a branch, so that compilers make vector instructions of it.
        let is_plain = |text: &str| text.bytes().fold(true, |plain, byte| plain & (byte >= b' '));
        let mut values = self.trace.iter().chain(&self.sentry).flatten();
        values.all(|value| is_plain(value)).then(|| {
            let comma = if self.payload.is_empty() { "" } else { members.comma() };
            let length = members.bytes() + comma.len() + self.payload.len() + "{}".len();
            let mut out = String::with_capacity(length);
            out.push('{');
            members.push_to(&mut out);
            out.push_str(comma);
            out.push_str(self.payload);
            out.push('}');
            out
        })
    }
}

/// Parts the last member of an object, if that may be a context, from what stands before it.
///
/// In JSON, nothing else can stand there: a quotation mark behind a comma that closes a string would have no
/// comma, colon or bracket behind it, and what the last two braces close is what they seem to.
fn split_last(members: &str, max_bytes: usize) -> Option<(&str, &str)> {
    members.ends_with(CONTEXT_END).then_some(())?;
    let late = members.len().saturating_sub(max_bytes);
    let open = late + memrchr(b'{', members.as_bytes().get(late..)?)?;
    let lead = members.get(..=open)?;
    let before = lead.strip_suffix(TRACE_LEAD).or_else(|| lead.strip_suffix(SENTRY_LEAD))?;
    members.split_at_checked(before.len())
}

fn says_nothing(members: &[Option<&str>]) -> bool {
    members.iter().all(Option::is_none)
}

/// What stands between the braces of an object.
fn inside(text: &str) -> Option<&str> {
    text.strip_prefix('{')?.strip_suffix('}')
}

/// Whether members may begin and end so.
fn is_framed(members: &str) -> bool {
    members.starts_with('"') && ends_like_a_value(members)
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

/// Whether a key stands at the start of members, or from `late` on at any level.
fn has_other_key(members: &str, keys: &Keys, late: usize) -> bool {
    let members = members.as_bytes();
    let mut quote = if keys.may_begin(members) { Some(0) } else { keys.opening(members, late) };
    while let Some(at) = quote {
        if keys.spelled(members, at).is_some() {
            return true;
        }
        quote = keys.opening(members, late.max(at + 1));
    }
    false
}

const TRACE_LEAD: &str = r#""_trace":{"#;
const SENTRY_LEAD: &str = r#""_sentry":{"#;
const CONTEXT_END: &str = r#""}"#;

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

    /// The text with its context behind the payload.
    fn with_context_last(text: &str) -> String {
        let payload = Envelope::json().strip(text).into_owned();
        let members = |text: &str| inside(text).unwrap().to_owned();
        let context = members(text).replacen(&members(&payload), "", 1);
        format!("{{{},{}}}", members(&payload), context.trim_end_matches(','))
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
            for payload in [r#"{"a":{"_id":1}}"#, r#"{"a":"_tracer","\u005e":"\"_trace\":"}"#, "{}"]
            {
                let first = envelope.replace(payload, &context()).into_owned();
                let last = Some(with_context_last(&first)).filter(|_| payload != "{}");
                for text in [Some(&first), last.as_ref()].into_iter().flatten() {
                    assert!(envelope.written(text).is_some(), "{text}");
                    // The search allows white space, and the walk does not.
                    let searched = format!("{text} ");
                    assert!(envelope.written(&searched).is_none());
                    let (found, searched) = (envelope.extract(text), envelope.extract(&searched));
                    assert_eq!(found.context, searched.context);
                    assert_eq!(found.context.parent(), context().parent());
                    assert_eq!(envelope.strip(text), payload);
                    assert_eq!(envelope.replace(text, &context()), first);
                }
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
    fn what_comes_last_and_is_written_otherwise_or_not_alone_is_left_to_the_search() {
        let envelope = Envelope::json();
        let usual = with_context_last(&envelope.replace(r#"{"a":1,"b":{"c":2}}"#, &context()));
        assert!(envelope.written(&usual).is_some_and(|written| written.is_last()), "{usual}");
        for text in [
            usual.replacen('{', "{ ", 1),
            usual.replacen("\"_trace\":", "\"_trace\": ", 1),
            usual.replacen(",\"_trace\"", ", \"_trace\"", 1),
            usual.replacen(",\"_trace\"", "\"_trace\"", 1),
            usual.replacen("\"_trace\"", "\"_sentry\"", 1),
            usual.replacen("\"_sentry\"", "\"other\"", 1),
            usual.replacen("\"a\"", "\"_meta\"", 1),
            usual.replacen("\"c\"", "\"_trace\"", 1),
            usual.replacen("\"c\"", r#""\u005ftrace""#, 1),
            usual.replacen("\"a\":1", "\"a\":", 1).replacen("\"b\":{\"c\":2}", "", 1),
            usual.replacen("\"tracestate\"", "\"other\"", 1),
            usual.replacen("a=1", "a={", 1),
            usual.replacen("b=~", r"b=\u007e", 1),
            usual.replacen("}}", "}},", 1),
            usual.replacen("}}", r#"},"b":"c"}}"#, 1),
            format!("{}]}}", usual.strip_suffix('}').unwrap()),
        ] {
            assert_eq!(envelope.written(&text), None, "{text}");
        }
        assert_eq!(envelope.clone().max_context_bytes(100).written(&usual), None);
    }

    #[test]
    fn ms_3_control_characters_are_not_replaced_by_json() {
        let first = Envelope::json().replace(r#"{"a":1}"#, &context()).into_owned();
        for usual in [with_context_last(&first), first] {
            assert!(Envelope::json().written(&usual).unwrap().replaced("").is_some());
            let text = usual.replacen("b=~", "b=\u{1}", 1);
            assert_eq!(Envelope::json().written(&text).unwrap().replaced(""), None);
            assert_eq!(Envelope::json().strip(&text), text);
        }
    }

    #[test]
    fn ms_3_what_begins_or_ends_well_and_is_no_object_does_not_become_one() {
        let first = Envelope::json().replace(r#"{"a":1}"#, &context()).into_owned();
        let last = with_context_last(&first);
        let ends = [r#","bag}"#, r#","b":}"#, "", "]"].map(|end| first.replace(r#","a":1}"#, end));
        let starts = ["[", "{,"].map(|start| last.replace(r#"{"a":1,"#, start));
        for text in ends.into_iter().chain(starts) {
            assert_eq!(Envelope::json().strip(&text), text);
        }
        for start in [r#"{"a","#, r#"{"a":","#, r#"{"a":{"b":1,"#, r#"{"a":"b\","#, r#"{"a":"b",,"#]
        {
            let text = last.replace(r#"{"a":1,"#, start);
            let stripped = Envelope::json().strip(&text).into_owned();
            assert!(serde_json::from_str::<serde_json::Value>(&stripped).is_err(), "{stripped}");
        }
    }

    #[test]
    fn a_text_that_is_cut_off_anywhere_is_read_or_not_but_does_not_panic() {
        let first = Envelope::json().replace(r#"{"a":1}"#, &context()).into_owned();
        for usual in [with_context_last(&first), first] {
            for end in 0..usual.len() {
                assert_eq!(Envelope::json().written(&usual[..end]), None);
                let _ = Envelope::json().written(&format!("{}}}", &usual[..end]));
            }
        }
    }
}

//! The keys that are looked for, in any of the spellings that JSON has for a string.

use super::openings::Openings;

/// Keys that are looked for at the top level of an object; built once per envelope.
#[derive(Clone, Debug)]
pub(in crate::websocket) struct Keys {
    keys: Vec<Box<str>>,
    openings: Openings,
}

impl Keys {
    /// Any strings. An index is a place in their order; of equal ones it is the first.
    pub(in crate::websocket) fn new<'k>(keys: impl IntoIterator<Item = &'k str>) -> Self {
        let keys: Vec<Box<str>> = keys.into_iter().map(Box::from).collect();
        let openings = Openings::new(keys.iter().map(|key| match key.bytes().next() {
            None => b'"',
            Some(first) if is_plain(first) => first,
            Some(_) => b'\\',
        }));
        Self { keys, openings }
    }

    /// The first quotation mark from `from` on behind which one of the keys may stand.
    pub(in crate::websocket) fn opening(&self, text: &[u8], from: usize) -> Option<usize> {
        self.openings.next(text, from)
    }

    /// Whether one of the keys may stand at the start of the text.
    pub(in crate::websocket) fn may_begin(&self, text: &[u8]) -> bool {
        self.openings.is_at_start(text)
    }

    /// Which key stands in the string that begins with this quotation mark, and where the string ends.
    pub(in crate::websocket) fn spelled(
        &self,
        text: &[u8],
        quote: usize,
    ) -> Option<(usize, usize)> {
        let string = text.get(quote..)?.strip_prefix(b"\"")?;
        let spellings = self.keys.iter().map(|key| spelling(string, key));
        let (index, length) = spellings.enumerate().find_map(|(at, found)| Some((at, found?)))?;
        Some((index, quote + 1 + length))
    }
}

/// How many bytes spell the key and the quotation mark behind it. Half of a surrogate pair spells nothing.
fn spelling(text: &[u8], key: &str) -> Option<usize> {
    let (mut rest, mut key) = (text, key);
    loop {
        let same = rest.iter().zip(key.as_bytes());
        let plain = same.take_while(|(a, b)| a == b && is_plain(**a)).count();
        (rest, key) = (rest.get(plain..)?, key.get(plain..)?);
        match rest.first()? {
            b'"' => return key.is_empty().then(|| text.len() - rest.len() + 1),
            b'\\' => {
                let (c, length) = escaped(rest)?;
                (rest, key) = (rest.get(length..)?, key.strip_prefix(c)?);
            }
            _ => return None,
        }
    }
}

/// Whether a byte stands for itself in a string.
fn is_plain(byte: u8) -> bool {
    !matches!(byte, b'"' | b'\\' | ..b' ')
}

/// The character of the escape at the start of the text, and how many bytes that takes.
fn escaped(text: &[u8]) -> Option<(char, usize)> {
    let c = match text.get(1)? {
        b'u' => return unicode(text),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        other @ (b'"' | b'\\' | b'/') => char::from(*other),
        _ => return None,
    };
    Some((c, r"\n".len()))
}

fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let length = r"\u0000".len();
    let first = unit(text)?;
    if let Some(c) = char::from_u32(first.into()) {
        return Some((c, length));
    }
    let second = unit(text.get(length..)?)?;
    let c = char::decode_utf16([first, second]).next()?.ok()?;
    Some((c, 2 * length))
}

fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(br"\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(keys: &[&str], text: &str) -> Option<(usize, usize)> {
        Keys::new(keys.iter().copied()).spelled(text.as_bytes(), 0)
    }

    #[test]
    fn every_spelling_of_a_key_is_known() {
        for (key, text) in [
            ("_trace", r#""_trace""#),
            ("_trace", r#""\u005ftrace""#),
            ("_trace", r#""\u005F\u0074\u0072\u0061\u0063\u0065""#),
            ("a/b", r#""a\/b""#),
            ("a/b", r#""a/b""#),
            ("\"\\\u{8}\u{c}\n\r\t", r#""\"\\\b\f\n\r\t""#),
            ("\"\\\u{8}", r#""\u0022\u005C\u0008""#),
            ("\u{e9}\u{1d11e}", "\"\u{e9}\u{1d11e}\""),
            ("\u{e9}\u{1d11e}", r#""\u00e9\uD834\udd1e""#),
            ("", r#""""#),
        ] {
            assert_eq!(spelled(&[key], text), Some((0, text.len())), "{text}");
            assert_eq!(spelled(&["x", key, key], &format!("{text}:1")), Some((1, text.len())));
            assert_eq!(Keys::new([key]).opening(text.as_bytes(), 0), Some(0), "{text}");
        }
    }

    #[test]
    fn what_spells_another_string_or_none_is_no_key() {
        for (key, text) in [
            ("_trace", r#""_trace"#),
            ("_trace", r#""_trac""#),
            ("_trace", r#""_tracee""#),
            ("_trace", r#""_Trace""#),
            ("_trace", r#""\u005f\u005ftrace""#),
            ("_trace", r#""\u005trace""#),
            ("_trace", r#""\u+05ftrace""#),
            ("_trace", r#""\\u005ftrace""#),
            ("_trace", r#""\U005ftrace""#),
            ("_trace", r#""\_trace""#),
            ("_trace", r#"_trace""#),
            ("a\"b", r#""a"b""#),
            ("a\n", "\"a\n\""),
            ("\u{1d11e}", r#""\ud834""#),
            ("\u{1d11e}", r#""\ud834\u0041""#),
            ("\u{1d11e}", r#""\udd1e\ud834""#),
            ("\u{1d11e}", r#""\ud834dd1e""#),
            ("\u{fffd}", r#""\ud834""#),
            ("", r#""\""#),
        ] {
            assert_eq!(spelled(&[key], text), None, "{text}");
        }
        assert_eq!(spelled(&[], r#""""#), None);
    }
}

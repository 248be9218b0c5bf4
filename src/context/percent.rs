//! Percent-encoding of baggage values (rules BG-5 and BG-6).

use std::borrow::Cow;
use std::fmt::Write;

/// Decodes `%` and two hex digits of either case; a `%` without them stays. Bytes that are not
/// UTF-8 afterwards become U+FFFD. `+` is literal.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'%', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if let (b'%', [high, low, tail @ ..]) = (*first, tail)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            bytes.push((high << 4) | low);
            rest = tail;
        } else {
            bytes.push(*first);
        }
    }
    Cow::Owned(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Appends `text` to `out`, with every byte that `keep` does not allow percent-encoded.
pub(crate) fn encode(text: &str, keep: fn(u8) -> bool, out: &mut String) {
    for byte in text.bytes() {
        if byte != b'%' && keep(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bg_5_a_bad_escape_stays_as_it_is() {
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%ZZ%4"), "%ZZ%4");
        assert_eq!(decode("%25%41+%c3%A9"), "%A+\u{e9}");
    }

    #[test]
    fn bg_6_bytes_that_are_not_utf_8_become_the_replacement_character() {
        assert_eq!(decode("a%FFb"), "a\u{fffd}b");
    }
}

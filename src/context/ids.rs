use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

/// Names a trace: 16 bytes, never all zero.
///
/// ```
/// use throughline::context::TraceId;
///
/// let id = TraceId::from_u128(0x0af7651916cd43dd8448eb211c80319c).unwrap();
/// assert_eq!(id.to_string(), "0af7651916cd43dd8448eb211c80319c");
/// assert_eq!(TraceId::from_u128(0), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(NonZeroU128);

impl TraceId {
    /// The id of that number, or `None` for zero, which no trace has.
    #[must_use]
    pub const fn from_u128(number: u128) -> Option<Self> {
        match NonZeroU128::new(number) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The id as a number, most significant byte first on the wire.
    #[must_use]
    pub const fn to_u128(self) -> u128 {
        self.0.get()
    }

    /// The id as its 16 bytes, in wire order.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.get().to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

/// Names a span within its trace: 8 bytes, never all zero.
///
/// ```
/// use throughline::context::SpanId;
///
/// let id = SpanId::from_u64(0xb7ad6b7169203331).unwrap();
/// assert_eq!(id.to_string(), "b7ad6b7169203331");
/// assert_eq!(SpanId::from_u64(0), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(NonZeroU64);

impl SpanId {
    /// The id of that number, or `None` for zero, which no span has.
    #[must_use]
    pub const fn from_u64(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The id as a number, most significant byte first on the wire.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        self.0.get()
    }

    /// The id as its 8 bytes, in wire order.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

/// Decodes exactly `2 * N` lower-case hex digits. `None` for another length or any other byte.
///
/// The standard parsers are no use here: they take a sign and short input (rule TP-1).
pub(crate) fn decode_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    let mut seen = 0;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
        // One test at the end instead of one per digit: no value of a digit has these bits.
        seen |= high | low;
        *byte = (high << 4) | (low & 0x0f);
    }
    (seen & NOT_A_DIGIT == 0).then_some(bytes)
}

/// Writes each byte as two lower-case hex digits. `out` holds twice as many bytes as `bytes`.
pub(crate) fn encode_hex(bytes: &[u8], out: &mut [u8]) {
    const LOWER: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(out.chunks_exact_mut(2)) {
        pair[0] = LOWER[usize::from(byte >> 4)];
        pair[1] = LOWER[usize::from(byte & 0x0f)];
    }
}

const NOT_A_DIGIT: u8 = 0xf0;

static DIGITS: [u8; 256] = {
    let mut table = [NOT_A_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        let byte = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        table[byte as usize] = digit;
        digit += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lower_case_hex_of_the_right_length_is_decoded() {
        assert_eq!(decode_hex::<2>(b"0aff"), Some([0x0a, 0xff]));
        for bad in [&b"0AFF"[..], b"0af", b"0aff0", b"+aff", b"0af ", b"0a\xffff", b""] {
            assert_eq!(decode_hex::<2>(bad), None);
        }
    }

    #[test]
    fn every_byte_survives_encoding_and_decoding() {
        for byte in 0..=255 {
            let mut text = [0; 2];
            encode_hex(&[byte], &mut text);
            assert_eq!(decode_hex::<1>(&text), Some([byte]));
        }
    }
}

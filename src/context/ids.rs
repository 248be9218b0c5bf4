use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

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

    /// A new id, all of its bits drawn at random.
    #[must_use]
    pub fn random() -> Self {
        loop {
            if let Some(id) = Self::from_u128(u128::from(draw()) << 64 | u128::from(draw())) {
                return id;
            }
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

impl FromStr for TraceId {
    type Err = IdError;

    /// Parses 32 lower-case hex digits.
    ///
    /// # Errors
    /// For anything else, and for the id that is all zero.
    fn from_str(digits: &str) -> Result<Self, IdError> {
        let bytes = decode_hex(digits.as_bytes());
        bytes.and_then(|bytes| Self::from_u128(u128::from_be_bytes(bytes))).ok_or(IdError(()))
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

    /// A new id, drawn at random.
    #[must_use]
    pub fn random() -> Self {
        loop {
            if let Some(id) = Self::from_u64(draw()) {
                return id;
            }
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

impl FromStr for SpanId {
    type Err = IdError;

    /// Parses 16 lower-case hex digits.
    ///
    /// # Errors
    /// For anything else, and for the id that is all zero.
    fn from_str(digits: &str) -> Result<Self, IdError> {
        let bytes = decode_hex(digits.as_bytes());
        bytes.and_then(|bytes| Self::from_u64(u64::from_be_bytes(bytes))).ok_or(IdError(()))
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

/// A text that is no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdError(());

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an id is 32 (trace) or 16 (span) lower-case hex digits and not all zero (TP-1)",
        )
    }
}

impl std::error::Error for IdError {}

/// The standard library's hasher has new keys each time, which the system's random source begins:
/// unlike a seeded generator, two machines that boot alike do not draw alike.
fn draw() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Decodes exactly `2 * N` lower-case hex digits. `None` for another length or any other byte.
///
/// The standard parsers are no use here: they take a sign and short input (rule TP-1).
#[inline]
pub(crate) fn decode_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    // One test at the end instead of one per digit.
    let mut bad = 0;
    let mut eights = digits.chunks_exact(8);
    for (number, eight) in bytes.chunks_exact_mut(4).zip(&mut eights) {
        let digits = eight.try_into().map_or(0, u64::from_be_bytes);
        bad |= not_digits(digits);
        number.copy_from_slice(&decode_eight(digits).to_be_bytes());
    }
    let pairs = eights.remainder().chunks_exact(2);
    for (byte, pair) in bytes[N / 4 * 4..].iter_mut().zip(pairs) {
        let digits = u64::from(pair[0]) << 8 | u64::from(pair[1]);
        bad |= not_digits(digits | ZEROS << 16);
        [.., *byte] = decode_eight(digits).to_be_bytes();
    }
    (bad == 0).then_some(bytes)
}

/// Writes each byte as two lower-case hex digits. `out` holds twice as many bytes as `bytes`.
#[inline]
pub(crate) fn encode_hex(bytes: &[u8], out: &mut [u8]) {
    let mut fours = bytes.chunks_exact(4);
    let mut eights = out.chunks_exact_mut(8);
    for (four, eight) in (&mut fours).zip(&mut eights) {
        let number = four.try_into().map_or(0, u32::from_be_bytes);
        eight.copy_from_slice(&encode_four(number).to_be_bytes());
    }
    for (byte, pair) in fours.remainder().iter().zip(eights.into_remainder().chunks_exact_mut(2)) {
        let [.., high, low] = encode_four(u32::from(*byte)).to_be_bytes();
        pair.copy_from_slice(&[high, low]);
    }
}

/// The number that eight digits say, the first one in the highest byte. Nonsense for other bytes.
///
/// With [`not_digits`], eight at once take 29 instructions, and one at a time from a table 49.
#[inline]
const fn decode_eight(digits: u64) -> u32 {
    // `a` is 0x61: its low half is 9 less than its value, and it has a bit that no `0` to `9` has.
    let halves = (digits & (0x0f * EACH)) + 9 * (digits >> 6 & EACH);
    let bytes = (halves | halves >> 4) & 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes | bytes >> 8) & 0x0000_ffff_0000_ffff;
    let [_, _, a, b, _, _, c, d] = pairs.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// Not zero if one of eight bytes is no lower-case hex digit.
#[inline]
const fn not_digits(bytes: u64) -> u64 {
    let digit = from(bytes, b'0') & !from(bytes, b'9' + 1);
    let letter = from(bytes, b'a') & !from(bytes, b'f' + 1);
    (bytes | !(digit | letter)) & (0x80 * EACH)
}

/// Sets bit 7 of each byte that is at or above the limit. Where a byte has that bit already, it is no
/// digit, and what it carries into its neighbor does not matter any more.
#[inline]
const fn from(bytes: u64, limit: u8) -> u64 {
    bytes.wrapping_add((0x80 - limit as u64) * EACH)
}

/// The digits of four bytes, those of the highest byte first.
#[inline]
const fn encode_four(number: u32) -> u64 {
    let number = number as u64;
    let pairs = (number | number << 16) & 0x0000_ffff_0000_ffff;
    let bytes = (pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff;
    let halves = (bytes | bytes << 4) & (0x0f * EACH);
    // From ten on, adding six carries into the upper half.
    let letters = (halves + 6 * EACH) >> 4 & EACH;
    halves + b'0' as u64 * EACH + letters * (b'a' - b'9' - 1) as u64
}

/// One in each of eight bytes.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Six digits `0`.
const ZEROS: u64 = 0x3030_3030_3030;

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
    fn ids_that_are_drawn_differ_in_every_bit() {
        let drawn: Vec<_> = (0..1000).map(|_| TraceId::random().to_u128()).collect();
        let (any, all) = drawn.iter().fold((0, u128::MAX), |(any, all), id| (any | id, all & id));
        assert_eq!((any, all), (u128::MAX, 0));
        let distinct: std::collections::HashSet<_> = drawn.iter().collect();
        assert_eq!(distinct.len(), drawn.len());
        assert_ne!(SpanId::random(), SpanId::random());
    }

    #[test]
    fn tp_1_an_id_is_read_from_its_digits_and_nothing_else() {
        let id = TraceId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        let span = SpanId::random();
        assert_eq!(span.to_string().parse(), Ok(span));
        for bad in ["", "0", "+af7651916cd43dd8448eb211c80319c", &"0".repeat(32), &"A".repeat(32)] {
            assert!(bad.parse::<TraceId>().unwrap_err().to_string().contains("TP-1"));
            assert!(bad[..bad.len() / 2].parse::<SpanId>().is_err());
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

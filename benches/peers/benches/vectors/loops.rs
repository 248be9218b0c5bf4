//! What vector instructions would make of the two loops that are left: with `unsafe`, or as compilers
//! find them by themselves.

use std::arch::x86_64::{
    __m128i, _mm_add_epi8, _mm_and_si128, _mm_cmpeq_epi8, _mm_cmpgt_epi8, _mm_cvtsi128_si64,
    _mm_loadu_si128, _mm_maddubs_epi16, _mm_movemask_epi8, _mm_or_si128, _mm_packus_epi16,
    _mm_set1_epi8, _mm_set1_epi16, _mm_setr_epi8, _mm_setzero_si128, _mm_shuffle_epi8,
    _mm_srli_epi16,
};

/// The ids of a `traceparent` with all checks that its digits need, 16 digits at a time. `None` also where
/// the processor cannot do it.
pub(super) fn parse(text: &[u8]) -> Option<(u64, u64, u64)> {
    let ids: &[u8; 55] = text.try_into().ok()?;
    if !is_x86_feature_detected!("ssse3") || ids[..3] != *b"00-" || ids[35] != b'-' {
        return None;
    }
    // Safety: the processor has SSSE3.
    let digits = |from: usize| unsafe { sixteen(ids[from..from + 16].try_into().ok()?) };
    let (high, low, parent) = (digits(3)?, digits(19)?, digits(36)?);
    let is_ended = matches!(ids[52..], [b'-', b'0', b'0' | b'1']);
    (is_ended && (high | low) != 0 && parent != 0).then_some((high, low, parent))
}

#[target_feature(enable = "ssse3")]
fn sixteen(digits: &[u8; 16]) -> Option<u64> {
    // Safety: 16 bytes are readable, at any address.
    let text = unsafe { _mm_loadu_si128(digits.as_ptr().cast()) };
    let between = |low: u8, high: u8| {
        let above = _mm_cmpgt_epi8(text, _mm_set1_epi8(low.cast_signed() - 1));
        _mm_and_si128(above, _mm_cmpgt_epi8(_mm_set1_epi8(high.cast_signed() + 1), text))
    };
    let letters = between(b'a', b'f');
    let are_digits = _mm_or_si128(between(b'0', b'9'), letters);
    if _mm_movemask_epi8(are_digits) != 0xffff {
        return None;
    }
    let nine = _mm_and_si128(letters, _mm_set1_epi8(9));
    let values = _mm_add_epi8(_mm_and_si128(text, _mm_set1_epi8(15)), nine);
    let pairs = _mm_maddubs_epi16(values, _mm_set1_epi16(0x0110));
    let packed = _mm_packus_epi16(pairs, _mm_setzero_si128());
    Some(_mm_cvtsi128_si64(packed).cast_unsigned().swap_bytes())
}

/// Whether all bytes may stand in baggage or between its members: by two look-ups of sixteen at a time.
pub(super) fn is_baggage(text: &[u8]) -> bool {
    // Safety: the processor has SSSE3.
    is_x86_feature_detected!("ssse3") && unsafe { are_in_class(text) }
}

#[target_feature(enable = "ssse3")]
fn are_in_class(text: &[u8]) -> bool {
    // Bit n of the entry for a low digit: whether 0xn0 plus that digit is allowed.
    let row = |low: u8| {
        (0..8).fold(0, |bits: u8, high| bits | u8::from(is_allowed(high << 4 | low)) << high)
    };
    let rows: [u8; 16] = std::array::from_fn(|low| row(low as u8));
    // Safety: 16 bytes are readable, at any address.
    let load = |bytes: &[u8; 16]| unsafe { _mm_loadu_si128(bytes.as_ptr().cast::<__m128i>()) };
    let rows = load(&rows);
    let bits = _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0);
    let low_digit = _mm_set1_epi8(15);
    let (blocks, rest) = text.as_chunks::<16>();
    let mut bad = _mm_setzero_si128();
    for block in blocks {
        let block = load(block);
        let row = _mm_shuffle_epi8(rows, _mm_and_si128(block, low_digit));
        let high = _mm_and_si128(_mm_srli_epi16(block, 4), low_digit);
        let bit = _mm_shuffle_epi8(bits, high);
        let is_bad = _mm_cmpeq_epi8(_mm_and_si128(row, bit), _mm_setzero_si128());
        bad = _mm_or_si128(bad, is_bad);
    }
    _mm_movemask_epi8(bad) == 0 && rest.iter().all(|byte| is_allowed(*byte))
}

/// The same in safe code, without a branch, so that compilers make vector instructions of it.
pub(super) fn is_baggage_by_compiler(text: &[u8]) -> bool {
    text.iter().fold(true, |allowed, byte| allowed & is_allowed(*byte))
}

/// A character of baggage, a delimiter, or white space.
const fn is_allowed(byte: u8) -> bool {
    (byte == b'\t') | ((byte >= b' ') & (byte <= b'~') & (byte != b'"') & (byte != b'\\'))
}

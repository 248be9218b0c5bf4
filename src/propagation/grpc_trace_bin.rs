//! `grpc-trace-bin`, the
//! [binary format of OpenCensus](https://github.com/census-instrumentation/opencensus-specs/blob/master/encodings/BinaryEncoding.md)
//! in gRPC metadata: 29 bytes, which the transport writes in base64.

use super::traceparent::Text;
use super::{Field, FieldValue, Injector, Rule};
use crate::context::{Decision, SpanId, TraceId, TraceParent, trim_ows};

/// Reads a value: version 0, then trace id, span id and options, each behind its number.
pub(super) fn parse(value: &[u8]) -> Result<Option<TraceParent>, Rule> {
    fields(trim_ows(value)).map(Some).ok_or(Rule::GrpcTraceBin)
}

fn fields(value: &[u8]) -> Option<TraceParent> {
    let bytes = decode(value)?;
    let ([0, TRACE_ID], rest) = bytes.split_first_chunk()? else { return None };
    let (trace_id, rest) = rest.split_first_chunk()?;
    let ([SPAN_ID], rest) = rest.split_first_chunk()? else { return None };
    let (span_id, rest) = rest.split_first_chunk()?;
    let [OPTIONS, options] = rest else { return None };
    let trace_id = TraceId::from_u128(u128::from_be_bytes(*trace_id))?;
    let span_id = SpanId::from_u64(u64::from_be_bytes(*span_id))?;
    Some(TraceParent::new(trace_id, span_id, Decision::from(options & SAMPLED != 0)))
}

/// Writes a value. A deferred decision has no form here and becomes "not sampled".
pub(super) fn inject<C: Injector + ?Sized>(parent: Option<&TraceParent>, carrier: &mut C) {
    let Some(parent) = parent else { return carrier.remove(Field::GrpcTraceBin) };
    let mut bytes = [0; BYTES];
    bytes[2..18].copy_from_slice(&parent.trace_id().to_bytes());
    bytes[18] = SPAN_ID;
    bytes[19..27].copy_from_slice(&parent.parent_id().to_bytes());
    bytes[27] = OPTIONS;
    bytes[28] = if parent.sampled() == Some(true) { SAMPLED } else { 0 };
    carrier.set(Field::GrpcTraceBin, FieldValue::text(Text(encode(bytes)).as_str()));
}

/// Base64 without padding, as gRPC asks of who writes.
fn encode(bytes: [u8; BYTES]) -> [u8; DIGITS] {
    let mut text = [0; DIGITS];
    for (digits, three) in text.chunks_mut(4).zip(bytes.chunks(3)) {
        let number = three.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        // The last digit of an incomplete group is filled up with zero bits.
        let number = number << (8 * (3 - three.len()));
        for (at, digit) in digits.iter_mut().enumerate() {
            *digit = ALPHABET[number >> (18 - 6 * at) & 63];
        }
    }
    text
}

/// Base64 with or without padding, as gRPC asks of who reads.
fn decode(text: &[u8]) -> Option<[u8; BYTES]> {
    let text = text.strip_suffix(b"=").unwrap_or(text);
    if text.len() != DIGITS {
        return None;
    }
    let mut bytes = [0; BYTES];
    for (three, digits) in bytes.chunks_mut(3).zip(text.chunks(4)) {
        let mut number = 0;
        for digit in digits {
            number = number << 6 | ALPHABET.iter().position(|known| known == digit)?;
        }
        let spare = 6 * digits.len() - 8 * three.len();
        if number & ((1 << spare) - 1) != 0 {
            return None;
        }
        let [.., a, b, c] = (number >> spare << (8 * (3 - three.len()))).to_be_bytes();
        three.copy_from_slice(&[a, b, c][..three.len()]);
    }
    Some(bytes)
}

const TRACE_ID: u8 = 0;
const SPAN_ID: u8 = 1;
const OPTIONS: u8 = 2;
const SAMPLED: u8 = 1;

const BYTES: usize = 29;
const DIGITS: usize = 39;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::{Format, Propagator};

    /// Written by Python's base64 module from the 29 bytes.
    const VALUE: &str = "AAAK92UZFs1D3YRI6yEcgDGcAbeta3FpIDMxAgE";
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_written_is_read_back() {
        for (flags, last) in [("01", "E"), ("00", "A")] {
            let parent = PARENT.replace("-01", &format!("-{flags}")).parse().unwrap();
            let mut carrier = vec![("Grpc-Trace-Bin".to_owned(), "stale".to_owned())];
            inject(Some(&parent), &mut carrier);
            assert_eq!(carrier, [("grpc-trace-bin".into(), format!("{}{last}", &VALUE[..38]))]);
            assert_eq!(parse(carrier[0].1.as_bytes()), Ok(Some(parent)));
            let propagator = Propagator::default().accept([Format::GrpcTraceBin]);
            assert_eq!(propagator.extract(&carrier).context.parent(), Some(&parent));
        }
        assert!(parse(format!("{VALUE}=").as_bytes()).is_ok());
        let mut carrier = vec![("grpc-trace-bin".to_owned(), VALUE.to_owned())];
        inject(None, &mut carrier);
        assert!(carrier.is_empty());
    }

    #[test]
    fn what_is_not_29_bytes_in_order_is_refused() {
        let zero_ids = "A".repeat(39);
        let late_version = format!("B{}", &VALUE[1..]);
        let spare_bits = format!("{}F", &VALUE[..38]);
        for bad in
            ["", "=", "AAAA", &VALUE[1..], &zero_ids, &late_version, &spare_bits, "\u{e9}", VALUE]
        {
            let value = if bad == VALUE { format!("{VALUE}==") } else { bad.to_owned() };
            assert_eq!(parse(value.as_bytes()), Err(Rule::GrpcTraceBin), "{value}");
        }
    }
}

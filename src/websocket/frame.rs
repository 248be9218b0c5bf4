use bytes::Bytes;

use crate::context::TraceContext;
use crate::limits;
use crate::propagation::{
    Extraction, Extractor, Field, FieldValue, Injector, ParseError, Propagator, Received, Rule,
};

/// Carries a [`TraceContext`] in front of binary messages, on connections whose two ends have agreed
/// on it: see [`Subprotocol`](super::Subprotocol).
///
/// Every binary message of such a connection starts with a header, with or without a context:
///
/// | bytes | what |
/// |---|---|
/// | 1 | version, 1 |
/// | 2 | length of the fields, big endian, at most [`limits::ENVELOPE_CONTEXT_BYTES`] |
/// | that many | fields: id (1 `traceparent`, 2 `tracestate`, 3 `baggage`, 4 `sentry-trace`), two bytes of length, big endian, and the value in ASCII |
/// | the rest | the payload |
///
/// Unknown ids are skipped; of a doubled id the last counts.
///
/// ```
/// use bytes::Bytes;
/// use throughline::context::{TraceContext, TraceParent};
/// use throughline::websocket::Frame;
///
/// let parent: TraceParent =
///     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
/// let frame = Frame::new();
/// let sent = frame.encode(b"\x00\x01", &TraceContext::from(parent));
/// assert_eq!(&sent[..6], [1, 0, 112, 1, 0, 55]);
///
/// let (payload, found) = frame.decode(&Bytes::from(sent));
/// assert_eq!(&payload[..], b"\x00\x01");
/// assert_eq!(found.context.parent(), Some(&parent));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Frame {
    propagator: Propagator,
}

impl Frame {
    /// Frames with the formats of the default propagator.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Which formats are read and written.
    #[must_use]
    pub fn propagation(self, propagator: Propagator) -> Self {
        Self { propagator }
    }

    /// The message for a payload. A context that is too long for the header loses its baggage, then
    /// its tracestate.
    #[must_use]
    pub fn encode(&self, payload: &[u8], context: &TraceContext) -> Vec<u8> {
        let mut fields = Header::default();
        self.propagator.inject(context, &mut fields);
        for field in [Field::Baggage, Field::TraceState] {
            if fields.len() > limits::ENVELOPE_CONTEXT_BYTES {
                fields.remove(field);
            }
        }
        fields.in_front_of(payload)
    }

    /// The payload and the context of a message. One that breaks the format is delivered whole, and
    /// reported (rule MS-4).
    #[must_use]
    pub fn decode(&self, message: &Bytes) -> (Bytes, Extraction) {
        match Fields::of(message) {
            Some(fields) => {
                let payload = message.slice(HEADER + fields.bytes.len()..);
                (payload, self.propagator.extract(&fields))
            }
            None => {
                let mut extraction = Extraction::default();
                extraction.refused.push(ParseError::new(Field::TraceParent, Rule::Ms4));
                (message.clone(), extraction)
            }
        }
    }

    /// The same payload with another context, in one copy: what a relay sends (rule MS-7). A message
    /// that breaks the format stays as it is.
    #[must_use]
    pub fn replace(&self, message: &Bytes, context: &TraceContext) -> Bytes {
        match Fields::of(message) {
            Some(fields) => {
                let payload = message.get(HEADER + fields.bytes.len()..).unwrap_or_default();
                self.encode(payload, context).into()
            }
            None => message.clone(),
        }
    }
}

/// The fields of a message that keeps to the format.
#[derive(Clone, Copy)]
struct Fields<'a> {
    bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    fn of(message: &'a [u8]) -> Option<Self> {
        let [VERSION, high, low, rest @ ..] = message else { return None };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let bytes = rest.get(..length).filter(|_| length <= limits::ENVELOPE_CONTEXT_BYTES)?;
        let fields = Self { bytes };
        // Half of a field is no field, and then nothing tells where the payload begins.
        let walked: usize = fields.iter().map(|(_, value)| FIELD_HEADER + value.len()).sum();
        (walked == length).then_some(fields)
    }

    fn iter(self) -> impl Iterator<Item = (u8, &'a [u8])> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let [id, high, low, values @ ..] = rest else { return None };
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let (value, behind) = values.split_at_checked(length)?;
            rest = behind;
            Some((*id, value))
        })
    }
}

impl Extractor for Fields<'_> {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        for (id, field) in IDS {
            if let Some((_, value)) = self.iter().filter(|(other, _)| *other == id).last() {
                received.offer_field(field, value);
            }
        }
    }
}

/// A header while it is written.
#[derive(Debug, Default)]
struct Header {
    values: Vec<(u8, Vec<u8>)>,
}

impl Header {
    fn len(&self) -> usize {
        self.values.iter().map(|(_, value)| FIELD_HEADER + value.len()).sum()
    }

    fn in_front_of(&self, payload: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(HEADER + self.len() + payload.len());
        message.push(VERSION);
        message.extend(two_bytes(self.len()));
        for (id, _) in IDS {
            let Some((_, value)) = self.values.iter().find(|(other, _)| *other == id) else {
                continue;
            };
            message.push(id);
            message.extend(two_bytes(value.len()));
            message.extend_from_slice(value);
        }
        message.extend_from_slice(payload);
        message
    }
}

impl Injector for Header {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        self.remove(field);
        if let Some((id, _)) = IDS.into_iter().find(|(_, known)| *known == field) {
            self.values.push((id, value.as_str().as_bytes().to_vec()));
        }
    }

    fn remove(&mut self, field: Field) {
        let id = IDS.into_iter().find(|(_, known)| *known == field).map(|(id, _)| id);
        self.values.retain(|(other, _)| Some(*other) != id);
    }

    fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// A length that is at most [`limits::ENVELOPE_CONTEXT_BYTES`], which two bytes can hold.
fn two_bytes(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

const VERSION: u8 = 1;
const HEADER: usize = 3;
const FIELD_HEADER: usize = 3;

const IDS: [(u8, Field); 4] =
    [(1, Field::TraceParent), (2, Field::TraceState), (3, Field::Baggage), (4, Field::SentryTrace)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::TraceParent;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn context() -> TraceContext {
        let mut context = TraceContext::from(PARENT.parse::<TraceParent>().unwrap());
        *context.trace_state_mut() = "a=1".parse().unwrap();
        context.baggage_mut().push("sentry-release", "shop@1 \u{e9}").unwrap();
        context.baggage_mut().push("sentry-sample_rand", "0.5").unwrap();
        context
    }

    fn decoded(message: &[u8]) -> (Bytes, Extraction) {
        Frame::new().decode(&Bytes::copy_from_slice(message))
    }

    #[test]
    fn what_is_framed_is_read_back() {
        for payload in [&b""[..], b"\x01\x00\x00", &[0xff; 70_000]] {
            let (back, found) = decoded(&Frame::new().encode(payload, &context()));
            assert_eq!(back, payload);
            assert_eq!(found.refused, []);
            assert_eq!(found.context.parent(), context().parent());
            assert_eq!(found.context.trace_state(), context().trace_state());
            assert_eq!(found.context.baggage(), context().baggage());
        }
    }

    #[test]
    fn without_a_context_the_header_is_three_bytes() {
        let message = Frame::new().encode(b"x", &TraceContext::new());
        assert_eq!(message, b"\x01\x00\x00x");
        let (payload, found) = decoded(&message);
        assert_eq!((&payload[..], found.context.is_empty()), (&b"x"[..], true));
        assert_eq!(found.refused, []);
    }

    #[test]
    fn ms_4_a_message_that_breaks_the_format_is_delivered_whole_and_reported() {
        let good = Frame::new().encode(b"x", &context());
        let mut too_long = vec![1, 0xff, 0xff];
        too_long.resize(70_000, 0);
        let other_version = [&[2], &good[1..]].concat();
        let half_a_field = [1, 0, 4, 1, 0, 9, b'x', b'x'];
        for bad in
            [b"".as_slice(), &[1], &[1, 0], &[1, 0, 1], &too_long, &other_version, &half_a_field]
        {
            let (payload, found) = decoded(bad);
            assert_eq!(payload, bad);
            assert!(found.context.is_empty());
            assert_eq!(found.refused[0].rule().id(), "MS-4");
            let kept = Bytes::copy_from_slice(bad);
            assert_eq!(Frame::new().replace(&kept, &context()), kept);
        }
        for end in 0..good.len() - 1 {
            let (payload, found) = decoded(&good[..end]);
            assert_eq!((&payload[..], found.refused.len()), (&good[..end], 1));
        }
    }

    #[test]
    fn unknown_fields_are_skipped_and_of_doubled_ones_the_last_counts() {
        let field = |id: u8, value: &[u8]| [&[id], &two_bytes(value.len())[..], value].concat();
        let other = PARENT.replace("b7ad", "b7ae");
        let fields =
            [field(9, b"\xff"), field(1, other.as_bytes()), field(1, PARENT.as_bytes())].concat();
        let message = [&[1], &two_bytes(fields.len())[..], &fields, b"x"].concat();
        let (payload, found) = decoded(&message);
        assert_eq!(&payload[..], b"x");
        assert_eq!(found.context.parent().unwrap().to_string(), PARENT);

        let bad = field(1, b"nonsense");
        let message = [&[1], &two_bytes(bad.len())[..], &bad, b"x"].concat();
        let (payload, found) = decoded(&message);
        assert_eq!((&payload[..], found.refused[0].rule().id()), (&b"x"[..], "TP-3"));
    }

    #[test]
    fn ms_7_a_relay_replaces_the_context_and_leaves_the_payload() {
        let message = Bytes::from(Frame::new().encode(b"\xffpayload", &context()));
        let own = context()
            .child(crate::context::SpanId::from_u64(7).unwrap(), crate::context::Decision::Sampled);
        let (payload, found) = Frame::new().decode(&Frame::new().replace(&message, &own));
        assert_eq!((&payload[..], found.context.parent()), (&b"\xffpayload"[..], own.parent()));
    }

    #[test]
    fn tr_4_a_context_that_is_too_long_loses_its_lists_first() {
        let mut context = context();
        let long: Vec<_> = (0..32).map(|n| format!("k{n}={}", "x".repeat(256))).collect();
        *context.trace_state_mut() = long.join(",").parse().unwrap();
        context.baggage_mut().push("user", &"x".repeat(8000)).unwrap();
        let propagator = Propagator::default().forward_baggage(true).max_trace_state(9000);
        let (payload, found) =
            decoded(&Frame::new().propagation(propagator).encode(b"x", &context));
        assert_eq!(&payload[..], b"x");
        assert_eq!(found.context.parent(), context.parent());
        assert!(found.context.baggage().is_empty());
        assert!(!found.context.trace_state().is_empty());
    }
}

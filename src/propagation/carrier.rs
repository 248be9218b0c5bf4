use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use http::{HeaderMap, HeaderValue};

use super::trace_texts::TextPart;
use super::{Field, Received};

/// A carrier that trace context can be read from.
///
/// Offer every entry that may be a field, in order; [`Received`] takes what it wants.
///
/// ```
/// use throughline::propagation::{Extractor, Propagator, Received};
///
/// struct Record(Vec<(String, Vec<u8>)>);
///
/// impl Extractor for Record {
///     fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
///         for (name, value) in &self.0 {
///             received.offer(name, value.as_slice());
///         }
///     }
/// }
///
/// let record = Record(vec![("Baggage".into(), b"tenant=7".to_vec())]);
/// assert_eq!(Propagator::default().extract(&record).context.baggage().as_str(), "tenant=7");
/// ```
#[diagnostic::on_unimplemented(
    message = "trace context cannot be read from `{Self}`",
    note = "implement `Extractor` for it, or pass a `HeaderMap`, a map of strings or a list of pairs"
)]
pub trait Extractor {
    /// Offers the carrier's entries.
    fn extract_into<'a>(&'a self, received: &mut Received<'a>);
}

/// A carrier that trace context can be written into.
///
/// ```
/// use throughline::propagation::{Field, FieldValue, Injector};
///
/// struct Record(Vec<(String, Vec<u8>)>);
///
/// impl Injector for Record {
///     fn set(&mut self, field: Field, value: FieldValue<'_>) {
///         self.remove(field);
///         self.0.push((field.as_str().to_owned(), value.as_str().as_bytes().to_vec()));
///     }
///
///     fn remove(&mut self, field: Field) {
///         self.0.retain(|(name, _)| Field::from_name(name.as_bytes()) != Some(field));
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "trace context cannot be written into `{Self}`",
    note = "implement `Injector` for it, or pass a `HeaderMap`, a map of strings or a list of pairs"
)]
pub trait Injector {
    /// Writes a field, replacing every value that it has (rule BO-3).
    fn set(&mut self, field: Field, value: FieldValue<'_>);

    /// Removes every value of a field, if there is any.
    fn remove(&mut self, field: Field);

    /// Whether the carrier is known to hold nothing yet, so that nobody has to look for what it does.
    fn is_empty(&self) -> bool {
        false
    }

    /// Offers what the carrier holds already, as an [`Extractor`] does. Without it, baggage that
    /// stands there is replaced instead of added to (rule BG-11).
    fn existing<'a>(&'a self, received: &mut Received<'a>) {
        let _ = received;
    }
}

/// A value to be written: visible ASCII, spaces and tabs.
#[derive(Clone, Copy, Debug)]
pub struct FieldValue<'a>(Repr<'a>);

#[derive(Clone, Copy, Debug)]
enum Repr<'a> {
    Text(&'a str),
    Shared(&'a HeaderValue),
    Part(TextPart<'a>),
}

impl<'a> FieldValue<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self(Repr::Text(text))
    }

    pub(super) fn shared(value: &'a HeaderValue) -> Self {
        Self(Repr::Shared(value))
    }

    pub(super) fn part(part: TextPart<'a>) -> Self {
        Self(Repr::Part(part))
    }

    /// The value as text.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        match self.0 {
            Repr::Text(text) => text,
            Repr::Shared(value) => value.to_str().unwrap_or_default(),
            Repr::Part(part) => part.as_str(),
        }
    }

    /// The bytes of the text, for those who would check it again.
    #[cfg(feature = "websocket")]
    pub(crate) fn as_bytes(&self) -> &'a [u8] {
        match self.0 {
            Repr::Text(text) => text.as_bytes(),
            Repr::Shared(value) => value.as_bytes(),
            Repr::Part(part) => part.as_bytes(),
        }
    }

    /// The value as a header value: a list that is only passed on shares its bytes.
    #[must_use]
    #[inline]
    pub fn to_header_value(&self) -> HeaderValue {
        match self.0 {
            Repr::Text(text) => {
                HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
            }
            Repr::Shared(value) => value.clone(),
            Repr::Part(part) => part.to_header_value(),
        }
    }
}

impl Extractor for HeaderMap {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        // One walk is cheaper than a look-up per field as long as the map is small.
        if self.len() <= WALK_ENTRIES {
            for (name, value) in self {
                received.offer_header(name, value);
            }
        } else {
            self.existing(received);
        }
    }
}

impl Injector for HeaderMap {
    #[inline]
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        self.insert(field.to_header_name(), value.to_header_value());
    }

    fn remove(&mut self, field: Field) {
        self.remove(field.header_name());
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn existing<'a>(&'a self, received: &mut Received<'a>) {
        for field in received.wanted() {
            for value in self.get_all(field.header_name()) {
                received.offer_field(field, value);
            }
        }
    }
}

/// Implements both traits for a map from strings to strings. Names that differ only in case are the
/// same field, as in the protocols that such maps come from.
macro_rules! string_map {
    ($map:ty $(, $hasher:ident)?) => {
        impl$(<$hasher: BuildHasher>)? Extractor for $map {
            fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
                for (name, value) in self {
                    received.offer(name, value);
                }
            }
        }

        impl$(<$hasher: BuildHasher>)? Injector for $map {
            fn set(&mut self, field: Field, value: FieldValue<'_>) {
                Injector::remove(self, field);
                self.insert(field.as_str().to_owned(), value.as_str().to_owned());
            }

            fn remove(&mut self, field: Field) {
                self.retain(|name, _| Field::from_name(name.as_bytes()) != Some(field));
            }

            fn existing<'a>(&'a self, received: &mut Received<'a>) {
                self.extract_into(received);
            }
        }
    };
}

string_map!(HashMap<String, String, S>, S);
string_map!(BTreeMap<String, String>);

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Extractor for [(N, V)] {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        for (name, value) in self {
            received.offer(name, value.as_ref());
        }
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>, const PAIRS: usize> Extractor for [(N, V); PAIRS] {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        self.as_slice().extract_into(received);
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Extractor for Vec<(N, V)> {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        self.as_slice().extract_into(received);
    }
}

impl<N, V> Injector for Vec<(N, V)>
where
    N: AsRef<[u8]> + From<&'static str>,
    V: AsRef<[u8]> + for<'v> From<&'v str>,
{
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        Injector::remove(self, field);
        self.push((N::from(field.as_str()), V::from(value.as_str())));
    }

    fn remove(&mut self, field: Field) {
        self.retain(|(name, _)| Field::from_name(name.as_ref()) != Some(field));
    }

    fn existing<'a>(&'a self, received: &mut Received<'a>) {
        self.extract_into(received);
    }
}

/// Entries up to which walking a header map costs less than looking up four names.
const WALK_ENTRIES: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::Propagator;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_large_header_map_is_read_like_a_small_one() {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static(PARENT));
        headers.append("tracestate", HeaderValue::from_static("a=1"));
        headers.append("tracestate", HeaderValue::from_static("b=2"));
        let small = Propagator::default().extract(&headers).context;
        for n in 0..40 {
            let name: http::HeaderName = format!("x-{n}").parse().unwrap();
            headers.insert(name, HeaderValue::from_static("v"));
        }
        let large = Propagator::default().extract(&headers).context;
        assert_eq!(small, large);
        assert!(large.trace_state().iter().eq([("a", "1"), ("b", "2")]));
    }

    #[test]
    fn maps_and_pairs_carry_what_header_maps_carry() {
        let pairs = vec![("TraceParent".to_owned(), PARENT.to_owned())];
        let map: HashMap<_, _> = pairs.iter().cloned().collect();
        let tree: BTreeMap<_, _> = pairs.iter().cloned().collect();
        let propagator = Propagator::default();
        let context = propagator.extract(&pairs).context;
        assert!(context.parent().is_some());
        assert_eq!(propagator.extract(&map).context, context);
        assert_eq!(propagator.extract(&tree).context, context);

        let (mut pairs, mut map, mut tree) = (pairs, map, tree);
        propagator.inject(&context, &mut pairs);
        propagator.inject(&context, &mut map);
        propagator.inject(&context, &mut tree);
        // The field that stood there in another case was replaced.
        assert_eq!((pairs.len(), map.len(), tree.len()), (2, 2, 2));
        assert_eq!(map["traceparent"], PARENT);
    }
}

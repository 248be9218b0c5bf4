use std::fmt;

use http::Uri;
use http::uri::PathAndQuery;

use crate::context::{percent_decode, percent_encode};
use crate::limits;
use crate::propagation::{Extractor, Field, FieldValue, Injector, Received};

/// Trace context as parameters of a URL's query, for clients that cannot set headers: a browser opens
/// a WebSocket with nothing but its address.
///
/// Parameters are named like the headers. They are percent-decoded, and `+` is a space, as forms write
/// it. A query of more than [`limits::HANDSHAKE_QUERY_BYTES`] is not looked at.
///
/// Addresses stand in the logs of servers and proxies: `Propagator::forward_baggage` decides what of
/// the application's baggage does.
///
/// ```
/// use throughline::context::{TraceContext, TraceParent};
/// use throughline::propagation::Propagator;
/// use throughline::websocket::QueryParameters;
///
/// let parent: TraceParent =
///     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
/// let mut query = QueryParameters::default();
/// Propagator::default().inject(&TraceContext::from(parent), &mut query);
/// let uri = query.append_to(&"ws://example.com/events?room=7".parse().unwrap());
/// assert!(uri.query().unwrap().starts_with("room=7&traceparent=00-0af7"));
///
/// let received = QueryParameters::of(&uri);
/// assert_eq!(Propagator::default().extract(&received).context.parent(), Some(&parent));
/// ```
#[derive(Clone, Default)]
pub struct QueryParameters {
    fields: Vec<(Field, String)>,
}

impl QueryParameters {
    /// The trace context in an address. Every other parameter is left aside.
    #[must_use]
    pub fn of(uri: &Uri) -> Self {
        let query = uri.query().filter(|query| query.len() <= limits::HANDSHAKE_QUERY_BYTES);
        let pairs = query.unwrap_or_default().split('&');
        let fields = pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            // A plus that is meant is percent-encoded by everybody.
            Some((field(name)?, percent_decode(&value.replace('+', " ")).into_owned()))
        });
        Self { fields: fields.collect() }
    }

    /// The address with these parameters at its end, in place of those that it has (rule BO-3). It stays
    /// as it is if it would become longer than addresses can be.
    #[must_use]
    pub fn append_to(&self, uri: &Uri) -> Uri {
        let others = uri.query().unwrap_or_default().split('&');
        let others = others.filter(|pair| {
            !pair.is_empty()
                && field(pair.split_once('=').map_or(*pair, |(name, _)| name)).is_none()
        });
        let query = others.map(str::to_owned).chain(self.pairs()).collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        let mut parts = uri.clone().into_parts();
        let Ok(path_and_query) = PathAndQuery::try_from([uri.path(), mark, &query].concat()) else {
            return uri.clone();
        };
        parts.path_and_query = Some(path_and_query);
        Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
    }

    fn pairs(&self) -> impl Iterator<Item = String> {
        self.fields.iter().map(|(field, value)| {
            let mut pair = [field.as_str(), "="].concat();
            percent_encode(value, is_unreserved, &mut pair);
            pair
        })
    }
}

/// Names the parameters only: values may be secrets.
impl fmt::Debug for QueryParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields.iter().map(|(field, _)| field.as_str())).finish()
    }
}

impl Extractor for QueryParameters {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        for (field, value) in &self.fields {
            received.offer_field(*field, value);
        }
    }
}

impl Injector for QueryParameters {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        self.remove(field);
        self.fields.push((field, value.as_str().to_owned()));
    }

    fn remove(&mut self, field: Field) {
        self.fields.retain(|(known, _)| *known != field);
    }

    fn existing<'a>(&'a self, received: &mut Received<'a>) {
        self.extract_into(received);
    }
}

fn field(name: &str) -> Option<Field> {
    Field::from_name(percent_decode(name).as_bytes())
}

/// What no encoder of queries escapes, and no decoder changes.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{TraceContext, TraceParent};
    use crate::propagation::{Extraction, Propagator};

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn extract(address: &str) -> Extraction {
        Propagator::default().extract(&QueryParameters::of(&address.parse().unwrap()))
    }

    #[test]
    fn what_is_written_is_read_back_whatever_is_in_it() {
        let mut context = TraceContext::from(PARENT.parse::<TraceParent>().unwrap());
        *context.trace_state_mut() = "a=1+1&b#%25,b=2 3".parse().unwrap();
        context.baggage_mut().push("user", "\u{e9} &=+;").unwrap();
        let propagator = Propagator::default().forward_baggage(true);
        let mut query = QueryParameters::default();
        propagator.inject(&context, &mut query);
        for (address, start) in [
            ("ws://h/p", "ws://h/p?traceparent="),
            ("ws://h/p?", "ws://h/p?traceparent="),
            ("ws://h?x=%2B&y", "ws://h/?x=%2B&y&traceparent="),
            ("/p?trace%70arent=old&x=1&baggage", "/p?x=1&traceparent="),
        ] {
            let uri = query.append_to(&address.parse().unwrap());
            assert!(uri.to_string().starts_with(start), "{uri}");
            assert_eq!(uri.query().unwrap().matches("baggage").count(), 1, "{uri}");
            let found = propagator.extract(&QueryParameters::of(&uri));
            assert!(found.refused.is_empty());
            assert_eq!(found.context.parent(), context.parent(), "{uri}");
            assert_eq!(found.context.trace_state(), context.trace_state(), "{uri}");
            assert_eq!(found.context.baggage(), context.baggage(), "{uri}");
        }
    }

    #[test]
    fn an_address_as_a_form_writes_it_is_read() {
        let found = extract(&format!("/?TraceParent={PARENT}&tracestate=a%3D1%2C+b%3D2&x=+"));
        assert_eq!(found.context.parent(), Some(&PARENT.parse().unwrap()));
        assert!(found.context.trace_state().iter().eq([("a", "1"), ("b", "2")]));
        assert!(found.refused.is_empty());
    }

    #[test]
    fn bad_parameters_are_refused_and_nothing_else_is_lost() {
        for (query, rule) in [
            ("traceparent=".to_owned(), "TP-3"),
            ("traceparent=%00".to_owned(), "TP-3"),
            ("traceparent=%FF%".to_owned(), "TP-3"),
            (format!("traceparent={PARENT}&traceparent={PARENT}0"), "TP-5"),
        ] {
            let found = extract(&format!("/?{query}"));
            assert!(found.context.parent().is_none(), "{query}");
            assert_eq!(found.refused[0].rule().id(), rule, "{query}");
        }
        for query in ["", "&&", "traceparent", "=", "x=traceparent", "xtraceparent=1"] {
            let found = extract(&format!("/?{query}"));
            assert!(found.context.is_empty() && found.refused.is_empty(), "{query}");
        }
        let found = extract(&format!("/?tracestate=%ZZ&traceparent={PARENT}"));
        assert!(found.context.parent().is_some());
    }

    #[test]
    fn tr_4_a_query_over_the_limit_is_not_looked_at() {
        let long = |bytes: usize| format!("/?traceparent={PARENT}&x={}", "x".repeat(bytes));
        let rest = "traceparent=&x=".len() + PARENT.len();
        let fits = limits::HANDSHAKE_QUERY_BYTES - rest;
        assert!(extract(&long(fits)).context.parent().is_some());
        assert!(extract(&long(fits + 1)).context.is_empty());
    }

    #[test]
    fn an_address_that_would_become_too_long_stays_as_it_is() {
        let mut query = QueryParameters::default();
        query.fields.push((Field::Baggage, "%".repeat(30_000)));
        let uri: Uri = "ws://h/p?traceparent=old".parse().unwrap();
        assert_eq!(query.append_to(&uri), uri);
    }

    #[test]
    fn no_value_stands_in_the_debug_output() {
        let mut query = QueryParameters::default();
        query.fields.push((Field::Baggage, "secret".into()));
        assert_eq!(format!("{query:?}"), r#"["baggage"]"#);
    }
}

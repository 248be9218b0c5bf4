//! The examples of `docs/websocket-protocol.md`, which other languages are to keep too.

use std::collections::BTreeMap;

use bytes::Bytes;
use throughline::context::TraceContext;
use throughline::propagation::{Extraction, Propagator};
use throughline::websocket::{Envelope, Frame, Placement, QueryParameters};

const PAGE: &str = include_str!("../../docs/websocket-protocol.md");

#[test]
fn every_example_of_the_page_holds() {
    let mut done = BTreeMap::new();
    for example in PAGE.split("```example\n").skip(1) {
        let example = Example::read(example.split("```").next().unwrap());
        example.holds();
        *done.entry(example["do"].to_owned()).or_insert(0) += 1;
    }
    let kinds: Vec<_> = done.keys().map(String::as_str).collect();
    assert_eq!(
        kinds,
        ["extract", "frame", "inject", "query", "replace", "strip", "unframe", "url"]
    );
}

/// What stands in a block, line by line; what is indented belongs to the line before.
struct Example(BTreeMap<String, String>);

impl std::ops::Index<&str> for Example {
    type Output = str;

    fn index(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("{:?} has no {name:?}", self.0))
    }
}

impl Example {
    fn read(block: &str) -> Self {
        let mut lines = Vec::<(String, String)>::new();
        for line in block.lines() {
            match (line.starts_with(' '), lines.last_mut()) {
                (true, Some((_, value))) => value.push_str(line),
                _ => {
                    let (name, value) = line.split_once(':').unwrap();
                    lines.push((name.to_owned(), value.trim_start().to_owned()));
                }
            }
        }
        Self(lines.into_iter().collect())
    }

    fn holds(&self) {
        let envelope = self.envelope();
        match &self["do"] {
            "inject" => {
                assert_eq!(envelope.inject(&self["message"], &self.context()), self["becomes"])
            }
            "replace" => {
                assert_eq!(envelope.replace(&self["message"], &self.context()), self["becomes"])
            }
            "strip" => assert_eq!(envelope.strip(&self["message"]), self["becomes"]),
            "extract" => self.finds(&envelope.extract(&self["message"])),
            "frame" => {
                let frame = Frame::new().propagation(self.propagator());
                assert_eq!(
                    frame.encode(&bytes(&self["payload"]), &self.context()),
                    bytes(&self["becomes"])
                );
            }
            "unframe" => {
                let message = Bytes::from(bytes(&self["message"]));
                let (payload, found) = Frame::new().decode(&message);
                assert_eq!(payload, bytes(&self["payload"]));
                self.finds(&found);
            }
            "url" => {
                let mut query = QueryParameters::default();
                self.propagator().inject(&self.context(), &mut query);
                let url = query.append_to(&self["url"].parse().unwrap());
                assert_eq!(url, self["becomes"]);
                let found = self.propagator().extract(&QueryParameters::of(&url));
                assert_eq!(found.context, self.context());
            }
            "query" => {
                let url = self["url"].parse().unwrap();
                self.finds(&self.propagator().extract(&QueryParameters::of(&url)));
            }
            other => panic!("nobody knows how to {other:?}"),
        }
    }

    fn envelope(&self) -> Envelope {
        let envelope = Envelope::json().propagation(self.propagator());
        let write = self.names("write").into_iter().map(|name| match &*name {
            "_trace" => Placement::Trace,
            "_sentry" => Placement::Sentry,
            "_meta" => Placement::Meta,
            path => Placement::path(path.split('.')),
        });
        let nested =
            self.names("nested").into_iter().map(|path| Placement::nested(path.split('.')));
        let placements: Vec<_> = write.chain(nested).collect();
        if placements.is_empty() { envelope } else { envelope.write(placements) }
    }

    /// Every format of the page, or those that an example names; the application's baggage goes too.
    fn propagator(&self) -> Propagator {
        let propagator = Propagator::default().forward_baggage(true);
        match &*self.names("emit") {
            [] => propagator,
            names => Propagator::from_names(&names.join(",")).unwrap().forward_baggage(true),
        }
    }

    /// What a line lists; nothing without the line.
    fn names(&self, line: &str) -> Vec<String> {
        self.0.get(line).map_or_else(Vec::new, |list| serde_json::from_str(list).unwrap())
    }

    fn context(&self) -> TraceContext {
        let headers: BTreeMap<String, String> = serde_json::from_str(&self["context"]).unwrap();
        Propagator::default().extract(&headers).context
    }

    fn finds(&self, found: &Extraction) {
        let headers: BTreeMap<String, String> = serde_json::from_str(&self["finds"]).unwrap();
        let expected = Propagator::default().extract(&headers);
        assert_eq!(found.context, expected.context);
        let rules: Vec<_> = found.refused.iter().map(|error| error.rule().id()).collect();
        assert_eq!(rules, self.names("refused"));
    }
}

/// Pairs of hexadecimal digits, with or without space between them.
fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<_> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

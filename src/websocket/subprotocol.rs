use http::HeaderMap;
use http::header::SEC_WEBSOCKET_PROTOCOL;

/// The agreement of two ends that binary messages of their connection have a [`Frame`](super::Frame).
///
/// A WebSocket has one subprotocol, so an application's own carries ours as a suffix:
/// `chat+throughline.v1`. One without a name of its own is `throughline.v1`. A client offers its own
/// name too, so that a server that knows nothing of this takes that, and no message is framed.
///
/// ```
/// use throughline::websocket::Subprotocol;
///
/// let offered = Subprotocol::offer(["chat"]);
/// assert_eq!(offered, "chat+throughline.v1, chat");
/// let chosen = Subprotocol::choose(offered.split(','), ["chat"]).unwrap();
/// assert!(chosen.is_framed());
/// assert_eq!((chosen.as_str(), chosen.own_name()), ("chat+throughline.v1", "chat"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subprotocol {
    name: String,
}

impl Subprotocol {
    /// What a client offers in `Sec-WebSocket-Protocol`, best first: each of its own names with and
    /// without frames. Without names it offers frames alone.
    #[must_use]
    pub fn offer<'n>(own: impl IntoIterator<Item = &'n str>) -> String {
        let offers = own.into_iter().map(|own| format!("{own}{SUFFIX}, {own}"));
        match offers.collect::<Vec<_>>().join(", ") {
            offers if offers.is_empty() => NAME.to_owned(),
            offers => offers,
        }
    }

    /// What a server chooses of what it is offered: the client's first choice that it knows. `own` are
    /// the names it knows; without any, frames alone. `None` if there is none, and nothing is framed.
    #[must_use]
    pub fn choose<'n>(
        offered: impl IntoIterator<Item = &'n str>,
        own: impl IntoIterator<Item = &'n str> + Clone,
    ) -> Option<Self> {
        let has_names = own.clone().into_iter().next().is_some();
        offered.into_iter().map(|offer| Self::of(offer.trim())).find(|offer| {
            let is_own = own.clone().into_iter().any(|own| own == offer.own_name());
            is_own || (!has_names && offer.name == NAME)
        })
    }

    /// What the two ends agreed on, from the headers of the server's answer: for clients.
    #[must_use]
    pub fn agreed(response: &HeaderMap) -> Option<Self> {
        response.get(SEC_WEBSOCKET_PROTOCOL)?.to_str().ok().map(Self::of)
    }

    /// A subprotocol of that name, such as the one that a framework chose.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    /// Its name, as it stands in the handshake.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The application's part of the name; empty if there is none.
    #[must_use]
    pub fn own_name(&self) -> &str {
        match self.name.strip_suffix(SUFFIX) {
            Some(own) => own,
            None if self.name == NAME => "",
            None => &self.name,
        }
    }

    /// Whether every binary message has a [`Frame`](super::Frame).
    #[must_use]
    pub fn is_framed(&self) -> bool {
        self.name == NAME || self.name.ends_with(SUFFIX)
    }
}

const NAME: &str = "throughline.v1";
const SUFFIX: &str = "+throughline.v1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_agree_on_what_both_know() {
        let offers = |text: &'static str| text.split(',');
        let cases: [(&'static str, &[&str], Option<&str>); 8] = [
            ("chat+throughline.v1, chat", &["chat"], Some("chat+throughline.v1")),
            ("chat", &["chat"], Some("chat")),
            ("other+throughline.v1, other", &["chat"], None),
            ("a, chat+throughline.v1", &["chat", "a"], Some("a")),
            ("throughline.v1", &[], Some("throughline.v1")),
            ("throughline.v1", &["chat"], None),
            ("", &["chat"], None),
            ("chat+throughline.v2, chat", &["chat"], Some("chat")),
        ];
        for (offered, own, expected) in cases {
            let chosen = Subprotocol::choose(offers(offered), own.iter().copied());
            assert_eq!(chosen.as_ref().map(Subprotocol::as_str), expected, "{offered}");
        }
        assert_eq!(Subprotocol::offer([]), "throughline.v1");
        assert_eq!(Subprotocol::offer(["a", "b"]), "a+throughline.v1, a, b+throughline.v1, b");
    }

    #[test]
    fn only_an_agreement_frames_messages() {
        for (name, own, framed) in [
            ("throughline.v1", "", true),
            ("chat+throughline.v1", "chat", true),
            ("chat", "chat", false),
            ("chat+throughline.v2", "chat+throughline.v2", false),
            ("throughline.v11", "throughline.v11", false),
            ("", "", false),
        ] {
            let agreed = Subprotocol::of(name);
            assert_eq!((agreed.own_name(), agreed.is_framed()), (own, framed), "{name}");
        }
        let mut headers = HeaderMap::new();
        assert_eq!(Subprotocol::agreed(&headers), None);
        headers.insert(SEC_WEBSOCKET_PROTOCOL, "chat+throughline.v1".parse().unwrap());
        assert!(Subprotocol::agreed(&headers).unwrap().is_framed());
    }
}

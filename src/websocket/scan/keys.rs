/// Keys that are looked for at the top level of an object; built once per envelope.
#[derive(Clone, Debug)]
pub(in crate::websocket) struct Keys {
    keys: Vec<Box<str>>,
}

impl Keys {
    /// Any strings, in the order of their indices.
    pub(in crate::websocket) fn new<'k>(keys: impl IntoIterator<Item = &'k str>) -> Self {
        Self { keys: keys.into_iter().map(Box::from).collect() }
    }

    /// Which key a string of JSON spells. What holds half of a surrogate pair spells none.
    pub(super) fn position(&self, spelled: &str) -> Option<usize> {
        let key: String = serde_json::from_str(spelled).ok()?;
        self.keys.iter().position(|own| **own == *key)
    }
}

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;

use super::fields::{FieldTexts, ReadFields, slot};
use super::placement::{Fields, Placement};
use crate::propagation::{Field, Rule};
use crate::websocket::scan::{First, Keys, Member, Object};

/// The members of one object that have to do with contexts, and of the objects inside it.
#[derive(Clone, Debug)]
pub(super) struct Level {
    keys: Keys,
    known: Vec<Known>,
}

/// A member that may stand there.
#[derive(Clone, Debug)]
struct Known {
    name: String,
    /// What is written before the inside of its value: the name as JSON has it, a colon, and the
    /// quotation mark or brace that opens the value.
    lead: String,
    role: Role,
    /// What stands inside it.
    inner: Level,
}

/// What a member is to a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A context, and nothing but a context.
    Context,
    /// One field of a context that stands among other things.
    Field(Field),
    /// An object of somebody else's that has a context somewhere inside it.
    Object,
}

impl Level {
    /// The outermost level of messages that have contexts in these placements.
    pub(super) fn of<'p>(placements: impl IntoIterator<Item = &'p Placement>) -> Self {
        let mut top = Self::empty();
        for placement in placements {
            placement.add_to(&mut top);
        }
        top
    }

    fn empty() -> Self {
        Self { keys: Keys::new([]), known: Vec::new() }
    }

    pub(super) fn add_fields(&mut self, fields: Fields) {
        for (name, field) in fields {
            self.add(name, Role::Field(*field));
        }
    }

    /// Adds a member and gives what stands inside it. The first role of a name is the one that counts.
    pub(super) fn add(&mut self, name: &str, role: Role) -> &mut Self {
        let at = self.known.iter().position(|known| known.name == name).unwrap_or_else(|| {
            let opening = if matches!(role, Role::Field(_)) { '"' } else { '{' };
            let lead = format!("{}:{opening}", serde_json::Value::from(name));
            self.known.push(Known { name: name.to_owned(), lead, role, inner: Self::empty() });
            self.keys = Keys::new(self.known.iter().map(|known| known.name.as_str()));
            self.known.len() - 1
        });
        &mut self.known[at].inner
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whether a member of an object with this name is of any concern here.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.known.iter().any(|known| known.name == name)
    }

    /// Whether all of it stands in the object itself.
    pub(super) fn is_flat(&self) -> bool {
        self.known.iter().all(|known| known.role != Role::Object)
    }

    /// The members of an object that are of concern here, in the order of the text.
    pub(super) fn members_of<'a>(&self, object: &Object<'a>) -> Vec<Member<'a>> {
        object.members(&self.keys, |member| self.has_context(member))
    }

    /// Whether a member is a context or a field of one, be it a bad one, or has it somewhere inside.
    fn has_context(&self, member: &Member<'_>) -> bool {
        self.known
            .get(member.key)
            .is_some_and(|known| known.role != Role::Object || known.inner.stands_in(member.value))
    }

    /// Whether none of these members has to be looked into.
    pub(super) fn are_flat(&self, members: &[Member<'_>]) -> bool {
        let role = |member: &Member<'_>| self.known.get(member.key).map(|known| known.role);
        members.iter().all(|member| role(member) != Some(Role::Object))
    }

    /// Reads the fields of every context in a text that is an object.
    pub(super) fn read<'a>(&self, text: &'a str, max_bytes: usize, fields: &mut ReadFields<'a>) {
        let Some(object) = Object::open(text) else { return };
        let members = self.members_of(&object);
        for (at, known) in self.known.iter().enumerate() {
            let Some(value) = last(&members, at) else { continue };
            match known.role {
                Role::Field(field) => fields.read(field, value, max_bytes),
                Role::Object => known.inner.read(value, max_bytes, fields),
                Role::Context if value.len() > max_bytes => {
                    fields.refuse(known.inner.first_field(), Rule::Tr4);
                }
                Role::Context => match known.inner.written_in(value) {
                    Some(texts) => fields.take(texts),
                    None if Object::open(value).is_none() => {
                        fields.refuse(known.inner.first_field(), Rule::Ms4);
                    }
                    None => known.inner.read(value, max_bytes, fields),
                },
            }
        }
    }

    /// The fields of an object that is written as it is here, which is read by one walk. `None` says
    /// nothing about it but that it is to be read in another way.
    fn written_in<'a>(&self, object: &'a str) -> Option<FieldTexts<'a>> {
        let mut texts = FieldTexts::default();
        let mut rest = object.strip_prefix('{')?;
        loop {
            let mut known = self.known.iter();
            let (known, inside) =
                known.find_map(|known| Some((known, rest.strip_prefix(known.lead.as_str())?)))?;
            let Role::Field(field) = known.role else { return None };
            let (value, behind) = inside.split_at(memchr2(b'"', b'\\', inside.as_bytes())?);
            let is_first = texts.get_mut(slot(field)?)?.replace(value).is_none();
            rest = behind.strip_prefix('"').filter(|_| is_first)?;
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => return (rest == "}").then_some(texts),
            }
        }
    }

    fn first_field(&self) -> Field {
        let mut roles = self.known.iter().map(|known| known.role);
        match roles.next() {
            Some(Role::Field(field)) => field,
            _ => Field::TraceParent,
        }
    }

    /// Whether a text has a context, be it a bad one.
    pub(super) fn stands_in(&self, text: &str) -> bool {
        let members = Object::open(text).map(|object| self.members_of(&object));
        members.unwrap_or_default().iter().any(|member| self.has_context(member))
    }

    /// The text without its contexts. An object of somebody else's that held nothing but a context
    /// goes too.
    pub(super) fn removed<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(object) = Object::open(text) else { return Cow::Borrowed(text) };
        let (mut gone, mut edits) = (Vec::new(), Vec::new());
        for member in self.members_of(&object) {
            let Some(known) = self.known.get(member.key) else { continue };
            if known.role != Role::Object {
                gone.push(member);
                continue;
            }
            match known.inner.removed(member.value) {
                Cow::Borrowed(_) => {}
                Cow::Owned(rest) if known.inner.has_fields() && holds_nothing(&rest) => {
                    gone.push(member);
                }
                Cow::Owned(rest) => edits.push((range(text, member.value), rest)),
            }
        }
        if !edits.is_empty() {
            // What is left inside is clean, so this comes to an end.
            return Cow::Owned(self.removed(&edited(text, edits)).into_owned());
        }
        match gone.is_empty() {
            true => Cow::Borrowed(text),
            false => Cow::Owned(object.rewrite("", &gone)),
        }
    }

    fn has_fields(&self) -> bool {
        self.known.iter().any(|known| matches!(known.role, Role::Field(_)))
    }

    /// A text that has no context, with one. Members that are something else than an object where a
    /// path wants one stay as they are.
    pub(super) fn added<'a>(&self, text: &'a str, texts: &FieldTexts<'_>) -> Cow<'a, str> {
        let Some(object) = Object::open(text) else { return Cow::Borrowed(text) };
        let members = self.members_of(&object);
        let (mut first, mut edits) = (String::new(), Vec::new());
        for (at, known) in self.known.iter().enumerate() {
            match last(&members, at) {
                None => {
                    let any = !first.is_empty();
                    known.push(texts, any, &mut first);
                }
                Some(value) if known.role == Role::Object => {
                    if let Cow::Owned(new) = known.inner.added(value, texts) {
                        edits.push((range(text, value), new));
                    }
                }
                Some(_) => {}
            }
        }
        if edits.is_empty() {
            return match first.is_empty() {
                true => Cow::Borrowed(text),
                false => Cow::Owned(object.rewrite(first.as_str(), &[])),
            };
        }
        let text = edited(text, edits);
        let rewritten = Object::open(&text).map(|object| object.rewrite(first.as_str(), &[]));
        Cow::Owned(rewritten.unwrap_or(text))
    }

    /// What is written into an object that has none of these members.
    pub(super) fn members<'a>(&'a self, texts: &'a FieldTexts<'a>) -> Members<'a> {
        Members { level: self, texts, bytes: self.bytes(texts).saturating_sub(",".len()) }
    }

    /// How much is written, with a comma behind each member.
    fn bytes(&self, texts: &FieldTexts<'_>) -> usize {
        self.known.iter().map(|known| known.bytes(texts)).sum()
    }

    /// Whether there is something to say.
    fn push(&self, texts: &FieldTexts<'_>, out: &mut String) -> bool {
        self.known.iter().fold(false, |any, known| known.push(texts, any, out) | any)
    }

    /// Whether every context is short enough to be read again.
    pub(super) fn fit(&self, texts: &FieldTexts<'_>, max_bytes: usize) -> bool {
        let fields = self.known.iter().filter(|known| matches!(known.role, Role::Field(_)));
        // Braces take one byte more than the comma that is counted too much.
        let fits = fields.map(|known| known.bytes(texts)).sum::<usize>() < max_bytes;
        (fits || !self.has_fields())
            && self.known.iter().all(|known| known.inner.fit(texts, max_bytes))
    }
}

impl Known {
    /// How long the member is, with a comma behind it; 0 if there is nothing to say in it.
    fn bytes(&self, texts: &FieldTexts<'_>) -> usize {
        match self.role {
            Role::Field(field) => {
                text(texts, field).map_or(0, |value| self.lead.len() + value.len() + r#"","#.len())
            }
            Role::Context | Role::Object => match self.inner.bytes(texts) {
                0 => 0,
                inside => self.lead.len() + inside - ",".len() + "},".len(),
            },
        }
    }

    /// Adds the member, behind a comma if it is not the first, and tells whether there was something to
    /// say in it.
    fn push(&self, texts: &FieldTexts<'_>, comma: bool, out: &mut String) -> bool {
        let start = out.len();
        if comma {
            out.push(',');
        }
        let says = match self.role {
            Role::Field(field) => text(texts, field).map(|value| {
                out.push_str(&self.lead);
                out.push_str(value);
                out.push('"');
            }),
            Role::Context | Role::Object => {
                out.push_str(&self.lead);
                self.inner.push(texts, out).then(|| out.push('}'))
            }
        };
        if says.is_none() {
            out.truncate(start);
        }
        says.is_some()
    }
}

/// The members of a level that have something to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Members<'a> {
    level: &'a Level,
    texts: &'a FieldTexts<'a>,
    bytes: usize,
}

impl First for Members<'_> {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn push_to(&self, out: &mut String) {
        self.level.push(self.texts, out);
    }
}

fn text<'a>(texts: &FieldTexts<'a>, field: Field) -> Option<&'a str> {
    *texts.get(slot(field)?)?
}

/// The value of the last member with a key, which is the one that counts.
fn last<'a>(members: &[Member<'a>], key: usize) -> Option<&'a str> {
    members.iter().rev().find(|member| member.key == key).map(|member| member.value)
}

fn holds_nothing(text: &str) -> bool {
    Object::open(text).is_some_and(|object| object.is_empty())
}

/// Where a part of a text stands in it.
fn range(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    start..start + part.len()
}

/// The text with some of its parts, in their order, replaced.
fn edited(text: &str, edits: Vec<(Range<usize>, String)>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (part, new) in edits {
        out.push_str(text.get(from..part.start).unwrap_or_default());
        out.push_str(&new);
        from = part.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

use std::fmt;
use std::sync::OnceLock;

/// What was read from the first value that came by, for those that repeat it: a layer sees few hosts
/// and few callers, mostly one. To compare costs a tenth of reading and copying.
#[derive(Clone)]
pub(super) struct FirstSeen<T>(OnceLock<(Box<[u8]>, T)>);

impl<T: Clone> FirstSeen<T> {
    /// What `read` makes of the value, or made of it when it came first.
    pub(super) fn of(&self, value: &[u8], read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        if let Some((first, known)) = self.0.get()
            && **first == *value
        {
            return Some(known.clone());
        }
        let new = read(str::from_utf8(value).ok().filter(|text| text.is_ascii())?)?;
        self.0.get_or_init(|| (Box::from(value), new.clone()));
        Some(new)
    }
}

impl<T> Default for FirstSeen<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

/// Leaves out what was seen.
impl<T> fmt::Debug for FirstSeen<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstSeen").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_first_is_read_once_and_others_each_time() {
        let (seen, mut reads) = (FirstSeen::default(), Vec::new());
        for value in [&b"a"[..], b"a", b"b", b"b", b"a"] {
            let read = |text: &str| {
                reads.push(text.to_owned());
                Some(text.to_owned())
            };
            assert_eq!(seen.of(value, read).map(String::into_bytes).as_deref(), Some(value));
        }
        assert_eq!(reads, ["a", "b", "b"]);
    }

    #[test]
    fn what_cannot_be_read_is_no_first_value() {
        let seen = FirstSeen::default();
        assert_eq!(seen.of(b"\xff", |_| Some(1)), None);
        assert_eq!(seen.of("ä".as_bytes(), |_| Some(2)), None);
        assert_eq!(seen.of(b"a", |_| None), None);
        assert_eq!(seen.of(b"a", |_| Some(3)), Some(3));
    }
}

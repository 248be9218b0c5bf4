//! What the spans and metrics of all rooms say alike.

pub(crate) const ERROR_TYPE: &str = "error.type";

/// `error.type` of what nobody waited for to its end.
pub(crate) const CANCELLED: &str = "cancelled";

/// `error.type` of what panicked.
pub(crate) const PANIC: &str = "panic";

/// The value of `error.type` for an error of type `E`. A boxed or generic error's type does not tell
/// what went wrong.
pub(crate) fn error_type<E>() -> &'static str {
    let name = std::any::type_name::<E>();
    if name.contains(['<', '&', '(', ' ']) { "_OTHER" } else { name }
}

/// As much of a text as fits into so many bytes, without a part of a character.
pub(crate) fn bounded(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_type_is_a_plain_type_name() {
        assert_eq!(error_type::<std::fmt::Error>(), "core::fmt::Error");
        assert_eq!(error_type::<Box<dyn std::error::Error + Send + Sync>>(), "_OTHER");
        assert_eq!(error_type::<&'static str>(), "_OTHER");
        assert_eq!(error_type::<()>(), "_OTHER");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(bounded("\u{e4}\u{e4}", 4), "\u{e4}\u{e4}");
        assert_eq!(bounded("\u{e4}\u{e4}", 3), "\u{e4}");
        assert_eq!(bounded("\u{e4}", 1), "");
        assert_eq!(bounded("short", 256), "short");
    }
}

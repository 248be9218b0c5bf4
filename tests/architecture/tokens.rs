//! Reads Rust as tokens, test items and paths, as far as the rules need it.

use std::ops::Range;

/// A name, a number, `::` or a single character.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A path in the code, or one leaf of a `use` tree.
pub(crate) struct CodePath {
    pub(crate) segments: Vec<String>,
    /// From the crate's root, if the path begins with `crate`, `self` or `super`.
    pub(crate) inside: Option<Vec<String>>,
    pub(crate) line: usize,
}

/// Whether `path` is `prefix` or lies in it.
pub(crate) fn starts_with(path: &[String], prefix: &str) -> bool {
    let mut path = path.iter();
    prefix.split("::").all(|part| path.next().is_some_and(|segment| segment == part))
}

/// Splits Rust into names, numbers, `::` and single characters. Comments and lifetimes vanish, and
/// of a string or character only a quote remains.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let (mut i, mut line) = (0, 1);
    while i < chars.len() {
        let start = i;
        let mut token = None;
        if at(i).is_whitespace() {
            i += 1;
        } else if at(i) == '/' && at(i + 1) == '/' {
            i += chars[i..].iter().take_while(|c| **c != '\n').count();
        } else if at(i) == '/' && at(i + 1) == '*' {
            i = end_of_comment(&chars, i);
        } else if at(i) == '"' || (at(i) == '\'' && (at(i + 1) == '\\' || at(i + 2) == '\'')) {
            i = end_of_quotes(&chars, i);
            token = Some("\"".to_owned());
        } else if at(i) == '\'' {
            i += 1 + chars[i + 1..].iter().take_while(|c| is_name(**c)).count();
        } else if is_name(at(i)) {
            i += chars[i..].iter().take_while(|c| is_name(**c)).count();
            let name: String = chars[start..i].iter().collect();
            let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
            if matches!(&*name, "r" | "br" | "cr") && at(i + hashes) == '"' {
                i = end_of_raw_string(&chars, i + hashes, hashes);
                token = Some("\"".to_owned());
            } else if name == "r" && hashes == 1 && is_name(at(i + 1)) {
                i += 1;
            } else {
                token = Some(name);
            }
        } else {
            let width = if at(i) == ':' && at(i + 1) == ':' { 2 } else { 1 };
            i += width;
            token = Some(chars[start..i].iter().collect());
        }
        found.extend(token.map(|text| Token { text, line }));
        line += chars[start..i.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    found
}

pub(crate) fn end_of_comment(chars: &[char], from: usize) -> usize {
    let (mut i, mut depth) = (from, 0);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

pub(crate) fn end_of_quotes(chars: &[char], from: usize) -> usize {
    let mut i = from + 1;
    while i < chars.len() && chars[i] != chars[from] {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

pub(crate) fn end_of_raw_string(chars: &[char], quote: usize, hashes: usize) -> usize {
    let closes = |i: usize| {
        chars[i] == '"' && chars[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes
    };
    (quote + 1..chars.len()).find(|i| closes(*i)).map_or(chars.len(), |i| i + 1 + hashes)
}

/// The index behind the bracket that closes the first one at or behind `from`.
pub(crate) fn end_of_brackets(tokens: &[Token], from: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

/// Where the items stand that only tests see, each with its attributes.
pub(crate) fn items_of_tests(tokens: &[Token]) -> Vec<Range<usize>> {
    let text = |i: usize| tokens.get(i).map_or("", |t| t.text.as_str());
    let mut items = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let inner = text(i + 1) == "!" && text(i + 2) == "[";
        if text(i) != "#" || !(inner || text(i + 1) == "[") {
            i += 1;
            continue;
        }
        let start = i;
        i = end_of_brackets(tokens, start + 1);
        let has = |name| tokens[start..i].iter().any(|token| token.text == name);
        if !has("cfg") || !has("test") || has("not") || has("any") {
            continue;
        }
        i = if inner { tokens.len() } else { end_of_item(tokens, i) };
        items.push(start..i);
    }
    items
}

/// The index behind the item at `from`: behind its `;`, its block, or where the block around it
/// ends.
pub(crate) fn end_of_item(tokens: &[Token], from: usize) -> usize {
    let mut i = from;
    while let Some(token) = tokens.get(i) {
        match token.text.as_str() {
            ";" => return i + 1,
            "{" => return end_of_brackets(tokens, i),
            "(" | "[" => i = end_of_brackets(tokens, i),
            "}" | ")" | "]" => return i,
            _ => i += 1,
        }
    }
    i
}

/// Every path of two or more segments, and every leaf of every `use`.
pub(crate) fn paths(tokens: &[Token], module: &[String]) -> Vec<CodePath> {
    let mut found = Vec::new();
    // Modules written inside this file, with the depth of braces at which each ends.
    let mut nested: Vec<(String, usize)> = Vec::new();
    let (mut depth, mut i) = (0, 0);
    while i < tokens.len() {
        let text = |n: usize| tokens.get(i + n).map_or("", |t| t.text.as_str());
        let imports = i > 0 && tokens[i - 1].text == "use";
        match text(0) {
            "mod" if text(2) == "{" => {
                nested.push((text(1).to_owned(), depth));
                i += 2;
                continue;
            }
            "{" if !imports => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if nested.last().is_some_and(|(_, ends)| *ends == depth) {
                    nested.pop();
                }
            }
            _ => {}
        }
        // A path may begin with `::`; behind a name, `::` continues one.
        let begins = is_path_start(text(0)) && (imports || text(1) == "::");
        if begins || (imports && matches!(text(0), "::" | "{")) {
            let mut leaves = Vec::new();
            let end = use_tree(tokens, i, Vec::new(), &mut leaves);
            let here: Vec<_> =
                module.iter().chain(nested.iter().map(|(name, _)| name)).cloned().collect();
            found.extend(leaves.into_iter().map(|(segments, line)| CodePath {
                inside: inside(&segments, &here),
                segments,
                line,
            }));
            i = end.max(i + 1);
        } else {
            i += 1;
        }
    }
    found
}

pub(crate) fn is_path_start(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Reads the tree at `i` below `prefix` into its leaves, and returns the index behind it.
pub(crate) fn use_tree(
    tokens: &[Token],
    mut i: usize,
    mut prefix: Vec<String>,
    leaves: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let text = |i: usize| tokens.get(i).map_or("", |t| t.text.as_str());
    let line = tokens.get(i).map_or(0, |t| t.line);
    loop {
        match text(i) {
            "::" => i += 1,
            "{" => {
                i += 1;
                while i < tokens.len() && text(i) != "}" {
                    i = use_tree(tokens, i, prefix.clone(), leaves);
                    while i < tokens.len() && !matches!(text(i), "," | "}") {
                        i += 1;
                    }
                    i += usize::from(text(i) == ",");
                }
                return i + 1;
            }
            name if is_path_start(name) => {
                // `{self, …}` names the prefix itself.
                if name != "self" || prefix.is_empty() {
                    prefix.push(name.to_owned());
                }
                i += 1;
                if text(i) == "::" {
                    continue;
                }
                leaves.push((prefix, line));
                return i;
            }
            other => {
                leaves.push((prefix, line));
                return i + usize::from(other == "*");
            }
        }
    }
}

/// Resolves a path in the module `here` from the crate's root.
pub(crate) fn inside(segments: &[String], here: &[String]) -> Option<Vec<String>> {
    let mut base = match segments.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => here.to_vec(),
        _ => return None,
    };
    let mut rest = segments;
    while let Some((first, behind)) = rest.split_first() {
        match first.as_str() {
            "crate" | "self" => {}
            "super" => {
                base.pop();
            }
            _ => break,
        }
        rest = behind;
    }
    base.extend_from_slice(rest);
    Some(base)
}

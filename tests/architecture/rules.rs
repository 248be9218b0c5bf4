//! The rules, as functions from text to violations, with the tables they read.

use std::path::Path;

use crate::manifest::dependencies;
use crate::source::Source;
use crate::tokens::{end_of_brackets, items_of_tests, paths, starts_with};

/// Who may import whom inside `src/`: a module, and what it may name besides itself and `limits`.
/// The row with the longest matching module counts.
pub(crate) const ROOMS: &[(&str, &[&str])] = &[
    ("context", &[]),
    ("http", &["context", "propagation", "otel"]),
    ("limits", &[]),
    ("messaging", &["context", "propagation", "otel"]),
    ("nats", &["context", "propagation", "otel", "messaging"]),
    ("otel", &["context", "propagation"]),
    ("propagation", &["context"]),
    ("task", &["context", "propagation", "otel"]),
    ("websocket", &["context", "propagation", "otel", "messaging"]),
    ("websocket::envelope", &["context", "propagation", "websocket"]),
];

/// Modules whose API must not move with OpenTelemetry's 0.x releases.
pub(crate) const WITHOUT_OPENTELEMETRY: &[&str] =
    &["context", "propagation", "websocket::envelope"];

/// Which crates of this workspace a published crate may depend on. The testkit is a
/// dev-dependency of any, and nobody depends on the server.
pub(crate) const CRATES: &[(&str, &[&str])] = &[
    ("throughline", &[]),
    ("throughline-client", &["throughline", "throughline-record"]),
    ("throughline-fuzz", &["throughline"]),
    ("throughline-record", &["throughline"]),
    (
        "throughline-server",
        &["throughline", "throughline-client", "throughline-record", "throughline-store"],
    ),
    ("throughline-store", &["throughline", "throughline-record"]),
    ("throughline-testkit", &["throughline"]),
];

/// Files that may say `unsafe`. A new line needs a benchmark that safe code cannot reach, a module
/// of its own, a proof in its comments, and a fuzz target.
pub(crate) const UNSAFE: &[&str] = &[
    // What a peer can do at best is an unsafe function of the peer's.
    "benches/peers/benches/messages/elsewhere.rs",
    // What `unsafe` could reach is measured there, and used nowhere.
    "benches/peers/benches/vectors/loops.rs",
];

/// Methods that a foreign trait names, so that their names are not ours to choose.
pub(crate) const FOREIGN_METHODS: &[&str] = &[
    // opentelemetry::propagation::Extractor
    "get_all",
];

/// Paths and macros that would make `propagation` depend on more than its arguments.
pub(crate) const IMPURE_PATHS: &[&str] = &[
    "core::time",
    "fastrand",
    "getrandom",
    "log",
    "rand",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "std::time",
    "tokio",
    "tracing",
];
pub(crate) const IMPURE_MACROS: &[&str] =
    &["dbg", "debug", "eprint", "eprintln", "error", "info", "print", "println", "trace", "warn"];

pub(crate) const VAGUE_NAMES: &[&str] = &["common", "helper", "helpers", "traits", "util", "utils"];

/// Lines of a file above its tests.
pub(crate) const MAX_LINES: usize = 800;

/// Ends README's first screen.
pub(crate) const MARKER: &str = "<!-- end of the first screen -->";

pub(crate) fn import_violations(file: &Source, top: &[String]) -> Vec<String> {
    let Some(module) = file.module() else { return Vec::new() };
    let mut found = Vec::new();
    let row = ROOMS
        .iter()
        .filter(|(room, _)| starts_with(&module, room))
        .max_by_key(|(room, _)| room.len());
    let Some((own, allowed)) = row else {
        // lib.rs holds the rooms together and names them all.
        if !module.is_empty() {
            found.push(format!("{}: this module has no row in ROOMS", file.path));
        }
        return found;
    };
    let tokens = file.library_tokens();
    for path in paths(&tokens, &module) {
        let Some(target) = &path.inside else { continue };
        let name = target.join("::");
        if target.first().is_none_or(|first| !top.contains(first)) {
            let text = format!("`crate::{name}` hides where the item lives; name its module");
            found.push(file.at(path.line, &text));
        } else if !allowed.iter().chain([own, &"limits"]).any(|room| starts_with(target, room)) {
            found.push(file.at(path.line, &format!("{own} may not import {name}")));
        }
    }
    for (i, token) in tokens.iter().enumerate() {
        let next = |n: usize| tokens.get(i + n).map_or("", |t| t.text.as_str());
        let text = match token.text.as_str() {
            "extern" if next(1) == "crate" => "`extern crate` renames crates",
            "path" if next(1) == "=" && i >= 2 && tokens[i - 1].text == "[" => {
                "`#[path]` hides where a module lives"
            }
            "include" if next(1) == "!" => "`include!` hides where code lives",
            "mod" if next(1) == "tests" => "tests without #[cfg(test)]",
            _ => continue,
        };
        found.push(file.at(token.line, text));
    }
    found
}

pub(crate) fn opentelemetry_violations(file: &Source) -> Vec<String> {
    let module = file.module().unwrap_or_default();
    if !WITHOUT_OPENTELEMETRY.iter().any(|room| starts_with(&module, room)) {
        return Vec::new();
    }
    let tokens = file.library_tokens();
    let named = tokens.iter().filter(|token| token.text.starts_with("opentelemetry"));
    named.map(|token| file.at(token.line, "names OpenTelemetry")).collect()
}

pub(crate) fn purity_violations(file: &Source) -> Vec<String> {
    let module = file.module().unwrap_or_default();
    if !starts_with(&module, "propagation") {
        return Vec::new();
    }
    let tokens = file.library_tokens();
    let mut found = Vec::new();
    for path in paths(&tokens, &module) {
        // A bare `std` can only be an alias or a glob, under which anything could hide.
        let whole = matches!(&path.segments[..], [one] if one == "std" || one == "core");
        if whole || IMPURE_PATHS.iter().any(|impure| starts_with(&path.segments, impure)) {
            found.push(file.at(path.line, &format!("names `{}`", path.segments.join("::"))));
        }
    }
    for (i, token) in tokens.iter().enumerate() {
        let next = |n: usize| tokens.get(i + n).map_or("", |t| t.text.as_str());
        let calls = next(1) == "!" && matches!(next(2), "(" | "[" | "{");
        // Behind `::` the path is judged.
        if calls && IMPURE_MACROS.contains(&next(0)) && (i == 0 || tokens[i - 1].text != "::") {
            found.push(file.at(token.line, &format!("calls `{}!`", token.text)));
        }
    }
    found
}

pub(crate) fn manifest_violations(file: &Source) -> Vec<String> {
    let package = file
        .text
        .lines()
        .skip_while(|line| line.trim() != "[package]")
        .find_map(|line| line.strip_prefix("name = "))
        .map(|name| name.trim_matches('"').to_owned());
    let Some(package) = package else { return Vec::new() };
    let published = !file.text.lines().any(|line| line.trim() == "publish = false");
    let row = CRATES.iter().find(|(name, _)| *name == package);
    let mut found = Vec::new();
    if row.is_none() && package.starts_with("throughline") {
        found.push(format!("{}: {package} has no row in CRATES", file.path));
    }
    for dependency in dependencies(&file.text) {
        let name = dependency.name.as_str();
        let text = match dependency.kind.as_str() {
            "workspace"
                if name == "throughline-testkit" && dependency.value.contains("version") =>
            {
                "the testkit is a path-only dependency"
            }
            "workspace" => continue,
            _ if name == "throughline-server" => "nobody depends on the server",
            "dev-dependencies" => continue,
            _ if name == "throughline-testkit" && published => "the testkit is for tests",
            _ if name.starts_with("throughline")
                && row.is_some_and(|(_, allowed)| !allowed.contains(&name)) =>
            {
                "this crate lies above it"
            }
            _ => continue,
        };
        found.push(file.at(dependency.line, &format!("{name}: {text}")));
    }
    found
}

pub(crate) fn size_violation(file: &Source) -> Option<String> {
    let lines = items_of_tests(&file.tokens)
        .into_iter()
        .find(|item| file.tokens[item.clone()].iter().any(|token| token.text == "mod"))
        .map_or(file.text.lines().count(), |item| file.tokens[item.start].line - 1);
    (lines > MAX_LINES).then(|| format!("{}: {lines} lines, {MAX_LINES} are allowed", file.path))
}

pub(crate) fn name_violations(file: &Source) -> Vec<String> {
    let path = file.path.trim_end_matches(".rs");
    let mut found: Vec<_> = path
        .split('/')
        .filter(|name| VAGUE_NAMES.contains(name))
        .map(|name| format!("{}: `{name}` says nothing", file.path))
        .collect();
    for pair in file.tokens.windows(2) {
        let [keyword, name] = pair else { continue };
        let vague = match keyword.text.as_str() {
            "mod" => VAGUE_NAMES.contains(&name.text.as_str()),
            "fn" => {
                (name.text.starts_with("get_") || name.text.starts_with("test_"))
                    && !FOREIGN_METHODS.contains(&name.text.as_str())
            }
            _ => false,
        };
        if vague {
            found.push(file.at(name.line, &format!("{} {}", keyword.text, name.text)));
        }
    }
    found
}

pub(crate) fn exception_violations(file: &Source, unsafe_files: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut attribute_ends = 0;
    for (i, token) in file.tokens.iter().enumerate() {
        let text = |n: usize| file.tokens.get(i + n).map_or("", |t| t.text.as_str());
        if token.text == "#" && (text(1) == "[" || (text(1) == "!" && text(2) == "[")) {
            attribute_ends = end_of_brackets(&file.tokens, i + 1);
        }
        let inside = i < attribute_ends;
        let what = match token.text.as_str() {
            "unsafe" if !unsafe_files.contains(&file.path.as_str()) => "`unsafe` is not listed",
            "allow" if inside && text(1) == "(" => "`allow` outlives its cause; use `expect`",
            "ignore" if inside => "an ignored test tests nothing",
            "todo" | "unimplemented" if text(1) == "!" && text(2) == "(" => "unfinished",
            _ => continue,
        };
        found.push(file.at(token.line, what));
    }
    found
}

pub(crate) fn folder_violations(file: &Source, own: Option<&str>) -> Vec<String> {
    if file.path.contains("vectors/") {
        return Vec::new();
    }
    // Written in two parts, so that this file does not break its own rule.
    let homes = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Use", "rs/")];
    let mut found = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let names = |folder: &str| {
            line.match_indices(folder).any(|(at, _)| {
                // The middle of a route or an address is not a folder.
                let before = line[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || "._-}".contains(c))
            })
        };
        if homes.into_iter().chain(own).any(names) {
            found.push(file.at(number + 1, "names a folder of somebody's machine"));
        }
    }
    found
}

/// Tests that a page names, as code of four words or more in one, and that nobody has written.
pub(crate) fn missing_tests(page: &Source, rust: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in page.text.lines().enumerate() {
        // Every second part stands between backticks.
        for name in line.split('`').skip(1).step_by(2) {
            let is_test = name.matches('_').count() >= 3
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            let definition = |file: &Source| {
                file.tokens.windows(2).any(|pair| pair[0].text == "fn" && pair[1].text == name)
            };
            if is_test && !rust.iter().any(definition) {
                found.push(page.at(number + 1, &format!("there is no test {name}")));
            }
        }
    }
    found
}

/// The folder this repository lies in, if it is deep enough not to occur in a text by chance.
pub(crate) fn own_folder(root: &Path) -> Option<String> {
    (root.components().count() > 2).then(|| root.display().to_string())
}

pub(crate) fn first_screen_difference(readme: &str, lib: &str) -> Option<String> {
    let Some((before, _)) = readme.split_once(MARKER) else {
        return Some(format!("README.md lacks the marker line {MARKER}"));
    };
    let shown: Vec<_> = before.lines().skip(1).map(|line| line.trim_end().to_owned()).collect();
    let docs = first_screen_of_docs(lib);
    let (shown, docs) = (shown.join("\n"), docs.join("\n"));
    let (shown, docs) = (shown.trim(), docs.trim());
    if docs.is_empty() {
        return Some("src/lib.rs has no docs above its first heading".to_owned());
    }
    if shown == docs {
        return None;
    }
    let line = shown.lines().zip(docs.lines()).position(|(a, b)| a != b);
    let line = line.unwrap_or(shown.lines().count().min(docs.lines().count()));
    let at = |text: &str| text.lines().nth(line).unwrap_or("(nothing)").to_owned();
    Some(format!("README.md says\n  {}\nwhere src/lib.rs says\n  {}", at(shown), at(docs)))
}

pub(crate) fn first_screen_of_docs(lib: &str) -> Vec<String> {
    let mut screen = Vec::new();
    // Whether we are in a code block, and whether that is one of Rust.
    let mut block = None;
    for line in lib.lines().take_while(|line| line.starts_with("//!")) {
        let line = line.trim_start_matches("//!");
        let line = line.strip_prefix(' ').unwrap_or(line).trim_end();
        if let Some(info) = line.strip_prefix("```") {
            let rust = info.split(',').all(|word| {
                matches!(word, "" | "rust" | "no_run" | "compile_fail" | "should_panic")
            });
            block = if block.is_some() { None } else { Some(rust) };
            screen.push(if block == Some(true) { "```rust".to_owned() } else { line.to_owned() });
        } else if block == Some(true) && (line == "#" || line.starts_with("# ")) {
            // rustdoc hides it.
        } else if block.is_none() && line.starts_with("# ") {
            break;
        } else {
            screen.push(line.to_owned());
        }
    }
    screen
}

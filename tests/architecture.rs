//! The rules of the design that no lint knows, kept by reading the sources.
//!
//! Each rule is a function from text to violations, a test that runs it over this repository, and a
//! test that shows it a planted violation. Text is read as Rust tokens, so comments, docs and the
//! contents of strings break no rule unless the rule says so. What follows `#[cfg(test)]` is left
//! out where a rule is about the library only.

use std::fs;
use std::path::Path;

#[path = "architecture/manifest.rs"]
mod manifest;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/source.rs"]
mod source;
#[path = "architecture/tokens.rs"]
mod tokens;

use rules::*;
use source::{Source, library, repository, rust, top_modules};

// Imports

#[test]
fn modules_import_only_what_lies_below_them() {
    let sources = library();
    let top = top_modules(&sources);
    assert!(top.contains(&"context".to_owned()), "no module is found: {top:?}");
    none(sources.iter().flat_map(|file| import_violations(file, &top)));
}

#[test]
fn an_import_from_above_is_found_however_it_is_written() {
    let top: Vec<_> = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    let count = |path: &str, text: &str| import_violations(&Source::new(path, text), &top).len();
    for text in [
        "use crate::http::ServerLayer;",
        "use crate::{context::TraceParent, otel::Bridge};",
        "use crate::{propagation::{self, Field}, http};",
        "fn f() { crate::task::spawn(); }",
        "fn f(_: &super::super::otel::Bridge) {}",
        "mod inner { use super::super::super::websocket; }",
        "use super::super::{http as x};",
        "type X = <u8 as crate::otel::T>::Y;",
        "macro_rules! m { () => { $crate::http::x!() } }",
        "pub use crate::TraceParent;",
        "use super::super::*;",
        "use crate as root;",
        "use crate::{self as root};",
        "extern crate self as root;",
        "#[path = \"../http/mod.rs\"] mod x;",
        "include!(\"../http/mod.rs\");",
        "#[cfg(not(test))] use crate::http;",
        "/* a /* nested */ comment */ use crate::http;",
        "const X: &str = r#\"\"#; use crate::http;",
        "const Q: char = '\"'; use crate::http; const R: char = '\"';",
        "fn f<'a>(_: &'a u8) {} use crate::http;",
        "#[cfg(test)] mod tests { fn a() {} } use crate::http;",
        "mod tests;",
    ] {
        assert_eq!(count("src/propagation/field.rs", text), 1, "{text}");
    }
    assert_eq!(count("src/http/server/mod.rs", "use crate::websocket::X;"), 1);
    assert_eq!(count("src/websocket/envelope.rs", "use crate::otel::X;"), 1);
    assert_eq!(count("src/new_room/mod.rs", ""), 1, "a module without a row");
}

#[test]
fn an_import_from_below_is_no_violation() {
    let top: Vec<_> = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    for (path, text) in [
        ("src/propagation/field.rs", "use crate::{context::X, limits::*, propagation::Y};"),
        ("src/propagation/field.rs", "use super::Propagator; use self::a::B; pub(crate) fn f() {}"),
        ("src/propagation/mod.rs", "use crate::context; pub(in crate::propagation) fn f() {}"),
        ("src/propagation/field.rs", "// crate::http\n/// [`X`](crate::otel::X)\nfn f() {}"),
        ("src/propagation/field.rs", "const X: &str = \"crate::http::x\";"),
        ("src/propagation/field.rs", "#[cfg(test)]\nmod tests { use crate::http::X; }"),
        ("src/propagation/field.rs", "#[cfg(test)] mod tests;"),
        ("src/propagation/tests.rs", "use crate::http::X;"),
        ("src/http/server/layer.rs", "use crate::otel::X; use http::Request; use super::future;"),
        ("src/websocket/relay.rs", "use super::envelope::X; use crate::otel;"),
        ("src/websocket/envelope/scan.rs", "use super::super::relay::X;"),
        ("src/lib.rs", "pub mod http; pub use crate::http::ServerLayer;"),
    ] {
        let found = import_violations(&Source::new(path, text), &top);
        assert!(found.is_empty(), "{path}: {text}: {found:?}");
    }
}

#[test]
fn formats_and_values_do_not_depend_on_opentelemetry() {
    none(library().iter().flat_map(opentelemetry_violations));
}

#[test]
fn a_mention_of_opentelemetry_is_found() {
    let count = |path: &str, text| opentelemetry_violations(&Source::new(path, text)).len();
    assert_eq!(count("src/context/ids.rs", "use opentelemetry::TraceId;"), 1);
    assert_eq!(count("src/propagation/mod.rs", "fn f(_: opentelemetry_http::X) {}"), 1);
    assert_eq!(count("src/websocket/envelope.rs", "use ::opentelemetry as o;"), 1);
    assert_eq!(count("src/websocket/envelope/mod.rs", "// opentelemetry"), 0);
    assert_eq!(count("src/websocket/relay.rs", "use opentelemetry::Context;"), 0);
}

#[test]
fn propagation_depends_on_its_arguments_only() {
    none(library().iter().flat_map(purity_violations));
}

#[test]
fn an_impure_call_is_found() {
    let count = |path: &str, text| purity_violations(&Source::new(path, text)).len();
    for text in [
        "use std::time::Instant;",
        "use std::{env, fmt};",
        "fn f() { ::std::fs::read(x); }",
        "use std::{self as s};",
        "use std as s;",
        "use core::*;",
        "use tokio;",
        "fn f() { rand::random(); }",
        "fn f() { println!(); }",
        "fn f() { warn!(); }",
        "fn f() { log::warn!(); }",
    ] {
        assert_eq!(count("src/propagation/field.rs", text), 1, "{text}");
    }
    assert_eq!(count("src/propagation/field.rs", "use std::fmt; fn f() { x.log(); a != b; }"), 0);
    assert_eq!(count("src/otel/mod.rs", "use std::time::Instant;"), 0);
}

// Dependencies between crates

#[test]
fn crates_depend_only_on_what_lies_below_them() {
    let manifests: Vec<_> =
        repository().into_iter().filter(|file| file.path.ends_with("Cargo.toml")).collect();
    assert!(manifests.iter().any(|file| file.path == "Cargo.toml"));
    none(manifests.iter().flat_map(manifest_violations));
    // The testkit depends on the root's own dependencies, in a unit test the root exists twice.
    none(library().iter().flat_map(|file| {
        let named = file.tokens.iter().filter(|token| token.text == "throughline_testkit");
        named.map(|token| file.at(token.line, "the testkit is for tests/, benches/ and examples/"))
    }));
}

#[test]
fn a_dependency_on_a_crate_above_is_found() {
    let count = |text: &str| manifest_violations(&Source::new("crates/x/Cargo.toml", text)).len();
    let package = |name: &str, rest: &str| format!("[package]\nname = \"{name}\"\n{rest}");
    for (name, rest) in [
        ("throughline", "[dependencies]\nthroughline-testkit.workspace = true"),
        ("throughline", "[dependencies]\nthroughline-record = { path = \"x\" }"),
        ("throughline-record", "[dependencies.throughline-store]\nworkspace = true"),
        ("throughline-store", "[target.'cfg(unix)'.dependencies]\nthroughline-client = \"1\""),
        ("throughline-client", "[build-dependencies]\nthroughline-server = \"1\""),
        ("pipeline", "publish = false\n[dev-dependencies]\nthroughline-server = \"1\""),
        ("pipeline", "[dependencies]\nx = { package = \"throughline-server\", version = \"1\" }"),
        ("throughline-new", ""),
        ("x", "[workspace.dependencies]\nthroughline-testkit = { path = \"x\", version = \"1\" }"),
    ] {
        assert_eq!(count(&package(name, rest)), 1, "{name}: {rest}");
    }
    for (name, rest) in [
        ("throughline", "[dev-dependencies]\nthroughline-testkit.workspace = true"),
        ("throughline-server", "[dependencies]\nthroughline-store.workspace = true\nhttp = \"1\""),
        ("pipeline", "publish = false\n[dependencies]\nthroughline-testkit.workspace = true"),
        ("x", "# throughline-server\n[features]\nthroughline-server = []"),
    ] {
        assert_eq!(count(&package(name, rest)), 0, "{name}: {rest}");
    }
}

// Sizes and names

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    none(rust().iter().filter_map(size_violation));
}

#[test]
fn a_long_file_is_found_and_its_tests_do_not_count() {
    let tests = "#[cfg(test)]\nmod tests {\n".to_owned() + &"\n".repeat(900) + "}\n";
    let lines = |n: usize| "const X: u8 = 1;\n".repeat(n);
    let found = |text: String| size_violation(&Source::new("src/x.rs", &text)).is_some();
    assert!(found(lines(MAX_LINES + 1)));
    assert!(found(lines(MAX_LINES + 1) + &tests));
    assert!(!found(lines(MAX_LINES) + &tests));
}

#[test]
fn names_say_what_they_name() {
    none(rust().iter().flat_map(name_violations));
}

#[test]
fn a_vague_name_is_found() {
    let count = |path: &str, text| name_violations(&Source::new(path, text)).len();
    assert_eq!(count("src/http/utils.rs", ""), 1);
    assert_eq!(count("tests/common/mod.rs", ""), 1);
    assert_eq!(count("src/x.rs", "mod helpers { }"), 1);
    assert_eq!(count("src/x.rs", "pub fn get_name() {}"), 1);
    assert_eq!(count("src/x.rs", "#[cfg(test)] mod tests { #[test] fn test_name() {} }"), 1);
    assert_eq!(count("src/x.rs", "fn get() {} fn get_all() {} // fn get_x"), 0);
}

// Exceptions

#[test]
fn exceptions_are_listed_and_give_their_reason() {
    none(rust().iter().flat_map(|file| exception_violations(file, UNSAFE)));
    let known: Vec<_> = rust().into_iter().map(|file| file.path).collect();
    none(
        UNSAFE.iter().filter(|f| !known.contains(&(**f).to_owned())).map(|f| format!("{f}: gone")),
    );
}

#[test]
fn an_unlisted_exception_is_found() {
    let file = |text| Source::new("src/fast.rs", text);
    for text in [
        "fn f() { unsafe { g() } }",
        "#[unsafe(no_mangle)] fn f() {}",
        "#[cfg(test)] mod tests { unsafe fn f() {} }",
        "#![allow(dead_code)]",
        "#[allow(dead_code, reason = \"x\")] fn f() {}",
        "#[cfg_attr(test, allow(dead_code))] fn f() {}",
        "#[ignore] fn f() {}",
        "#[ignore = \"slow\"] fn f() {}",
        "fn f() { todo!(\"x\") }",
        "fn f() { std::unimplemented!() }",
    ] {
        assert_eq!(exception_violations(&file(text), &[]).len(), 1, "{text}");
    }
    let unsafe_file = file("unsafe fn f() {}");
    assert_eq!(exception_violations(&unsafe_file, &["src/fast.rs"]), [""; 0]);
    let harmless = file("fn allow() {} // unsafe #[allow(x)]\nfn ignore(todo: u8) { allow() }");
    assert_eq!(exception_violations(&harmless, &[]), [""; 0]);
}

#[test]
fn no_text_names_a_folder_of_somebodys_machine() {
    let files = repository();
    let own = own_folder(Path::new(env!("CARGO_MANIFEST_DIR")));
    none(files.iter().flat_map(|file| folder_violations(file, own.as_deref())));
}

#[test]
fn a_folder_of_somebodys_machine_is_found() {
    let count = |path: &str, text: &str| {
        folder_violations(&Source::new(path, text), Some("/builds/checkout")).len()
    };
    for text in [
        concat!("see /ho", "me/ann/x"),
        concat!("`/ro", "ot/.cargo`"),
        concat!("file:///Use", "rs/ann"),
        "cd /builds/checkout",
    ] {
        assert_eq!(count("README.md", text), 1, "{text}");
        assert_eq!(count("tests/vectors/x.json", text), 0, "test data may hold any path");
    }
    assert_eq!(count("README.md", "GET /api/home/, https://example.org/home/"), 0);
    assert_eq!(own_folder(Path::new("/src")), None, "too short to be anybody's");
}

// Pages

#[test]
fn a_page_names_only_tests_that_exist() {
    let rust = rust();
    let pages = repository().into_iter().filter(|file| file.path.starts_with("docs/"));
    none(pages.flat_map(|page| missing_tests(&page, &rust)));
}

#[test]
fn a_test_that_only_a_page_knows_is_found() {
    let rust = [Source::new("src/x.rs", "fn what_a_span_does() {}")];
    let missing = |text| missing_tests(&Source::new("docs/x.md", text), &rust).len();
    assert_eq!(missing("by `what_a_span_does` and `what_no_span_does`"), 1);
    assert_eq!(missing("`error_type`, `SpanEnd`, what_is_not_code_at_all"), 0);
}

// README

/// README and the crate's docs begin alike: what lies between README's title (its first line) and
/// [`MARKER`] equals the docs of `src/lib.rs` above their first `# ` heading. Two differences
/// vanish before the comparison: a code block of Rust begins with three backticks and `rust` in
/// README, and the lines that rustdoc hides (`# use …` in a code block) are not shown there.
#[test]
fn readme_and_the_docs_begin_alike() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| {
        fs::read_to_string(root.join(name)).unwrap_or_else(|e| panic!("{name} is missing: {e}"))
    };
    none(first_screen_difference(&read("README.md"), &read("src/lib.rs")));
}

#[test]
fn a_different_beginning_is_found() {
    let lib = "//! One trace.\n//!\n//! ```no_run\n//! # use x::y;\n//! y();\n//! ```\n//!\n\
               //! # Map\n//! More.\n\nmod x;\n";
    let readme = "# throughline\n\nOne trace.\n\n```rust\ny();\n```\n\n";
    let difference = |readme: &str| first_screen_difference(readme, lib);
    assert_eq!(difference(&format!("{readme}{MARKER}\nMore.\n")), None);
    assert!(difference(&format!("{readme}More.\n{MARKER}\n")).is_some());
    assert!(difference(&format!("{}{MARKER}\n", readme.replace("y();", "z();"))).is_some());
    assert!(difference(&format!("# throughline\n{MARKER}\n")).is_some());
    assert!(difference(readme).is_some_and(|text| text.contains("marker")));
    assert!(first_screen_difference(&format!("# t\n{MARKER}\n"), "mod x;\n").is_some());
}

/// Fails with all violations, one per line.
fn none(violations: impl IntoIterator<Item = String>) {
    let violations: Vec<_> = violations.into_iter().collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

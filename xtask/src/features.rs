//! Finds the features of the root package.

/// The names in the `[features]` table of a manifest, in its order.
pub(crate) fn names(manifest: &str) -> Vec<String> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[features]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        // Further lines of a long list start with a quote or a bracket, comments with `#`.
        .filter(|line| line.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_read_in_order_and_nothing_else() {
        let manifest = "\
[package]
name = \"x\"

[features]
default = [\"http\"]
# Opens = a module.
http = [\"dep:tower\"]
web-socket = [
    \"dep:serde\",
]

[dependencies]
tower = \"1\"
";
        assert_eq!(names(manifest), ["default", "http", "web-socket"]);
    }

    #[test]
    fn a_manifest_without_features_has_none() {
        assert!(names("[package]\nname = \"x\"\n").is_empty());
    }

    #[test]
    fn the_root_package_has_features() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let names = names(&std::fs::read_to_string(manifest).unwrap());
        assert_eq!(names.first().map(String::as_str), Some("default"));
    }
}

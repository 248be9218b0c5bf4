//! Reads the dependencies of a manifest.

/// An entry of a manifest's table of dependencies.
pub(crate) struct Dependency {
    /// `dependencies`, `dev-dependencies`, `build-dependencies` or `workspace`.
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) line: usize,
}

pub(crate) fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut section = String::new();
    for (number, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') && line.ends_with(']') {
            section = line.trim_matches(['[', ']']).to_owned();
        }
        let Some(at) = section.find("dependencies") else { continue };
        let kind = match &section[..at] {
            "workspace." => "workspace",
            before if before.ends_with("dev-") => "dev-dependencies",
            before if before.ends_with("build-") => "build-dependencies",
            _ => "dependencies",
        };
        let (name, value) = match section[at..].split_once('.') {
            Some((_, name)) if line.starts_with('[') => (name, ""),
            Some((_, _)) => continue,
            None => {
                let Some((key, value)) = line.split_once('=') else { continue };
                (key.split('.').next().unwrap_or(key).trim(), value)
            }
        };
        let renamed = value.split_once("package = \"").and_then(|(_, v)| v.split_once('"'));
        found.push(Dependency {
            kind: kind.to_owned(),
            name: renamed.map_or(name, |(name, _)| name).trim_matches('"').to_owned(),
            value: value.to_owned(),
            line: number + 1,
        });
    }
    found
}

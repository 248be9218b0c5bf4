//! What gungraun says of one bench, as a line of JSON.

use serde_json::Value;

/// The figures of a bench.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// The file below `benches`, without its ending.
    pub(crate) file: String,
    pub(crate) group: String,
    pub(crate) function: String,
    pub(crate) id: String,
    pub(crate) instructions: u64,
    /// If it also ran in DHAT, which counts a reallocation as one.
    pub(crate) allocations: Option<u64>,
    /// The limit in the bench's source, if it is exceeded.
    pub(crate) exceeds: Option<u64>,
}

impl Summary {
    /// Nothing, if the line is something else.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let summary: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| summary[name].as_str().map(str::to_owned);
        let counted = |tool: &str, event: &str| {
            total(&summary, tool)?["metrics"][event]["values"]["new"].as_u64()
        };
        let limit = |regression: &Value| regression["Hard"]["limit"].as_u64();
        Some(Self {
            file: text("module_path")?.split("::").next()?.to_owned(),
            group: text("group")?,
            function: text("function_name")?,
            id: text("id")?,
            instructions: counted("Callgrind", "Ir")?,
            allocations: counted("DHAT", "TotalBlocks"),
            exceeds: total(&summary, "Callgrind")?["regressions"]
                .as_array()?
                .iter()
                .find_map(limit),
        })
    }

    /// How the gate calls it.
    pub(super) fn name(&self) -> String {
        format!("{}::{}.{}", self.file, self.function, self.id)
    }
}

fn total<'a>(summary: &'a Value, tool: &str) -> Option<&'a Value> {
    let profiles = summary["profiles"].as_array()?;
    profiles.iter().find(|profile| profile["tool"] == tool).map(|profile| &profile["data"]["total"])
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A line as gungraun prints it, of a bench in the file of its group's name.
    pub(crate) fn line(group: &str, function: &str, id: &str, instructions: u64) -> String {
        of(group, function, id, &[callgrind(instructions, json!([]))])
    }

    fn of(group: &str, function: &str, id: &str, profiles: &[Value]) -> String {
        json!({
            "module_path": format!("{group}::{group}::{function}"),
            "group": group,
            "function_name": function,
            "id": id,
            "profiles": profiles,
        })
        .to_string()
    }

    fn callgrind(instructions: u64, regressions: Value) -> Value {
        let metrics = json!({ "Ir": { "values": { "new": instructions, "old": 1 } } });
        json!({ "tool": "Callgrind", "data": { "total": { "metrics": metrics, "regressions": regressions } } })
    }

    fn dhat(allocations: u64) -> Value {
        let metrics = json!({ "TotalBlocks": { "values": { "new": allocations } } });
        json!({ "tool": "DHAT", "data": { "total": { "metrics": metrics, "regressions": [] } } })
    }

    #[test]
    fn both_counts_and_an_exceeded_limit_are_read() {
        let over = json!([{ "Hard": { "metric": { "Callgrind": "Ir" }, "new": 331, "diff": 31, "limit": 300 } }]);
        let read = Summary::read(&of("wire", "parse", "valid", &[callgrind(331, over), dhat(2)]));
        let read = read.unwrap();
        assert_eq!(read.name(), "wire::parse.valid");
        assert_eq!((read.instructions, read.allocations, read.exceeds), (331, Some(2), Some(300)));

        let read = Summary::read(&line("wire", "parse", "valid", 331)).unwrap();
        assert_eq!((read.instructions, read.allocations, read.exceeds), (331, None, None));
    }

    #[test]
    fn what_is_no_summary_is_none() {
        let without_id = line("wire", "parse", "valid", 331).replace("\"id\"", "\"other\"");
        for line in
            ["", "warning: x", "{}", "[]", &of("wire", "parse", "valid", &[dhat(2)]), &without_id]
        {
            assert_eq!(Summary::read(line), None, "{line}");
        }
    }
}

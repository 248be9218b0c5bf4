//! What to build: steps with their commands.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::event::EventIds;
use crate::limits::{MAX_TODO_CHARS, MAX_TODOS};

/// Steps to execute one after the other. Each is a todo, and its command a tool call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    project: Project,
    #[serde(rename = "step")]
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Project {
    id: String,
    name: String,
}

/// One step of a plan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) id: String,
    pub(super) title: String,
    /// Program and arguments, with `{sample}` and `{target}` for folders.
    pub(super) command: Vec<String>,
}

impl Plan {
    /// The plan of a file, or one step for a command, or the plan that is built in.
    pub(super) fn choose(file: Option<&Path>, command: &[OsString]) -> anyhow::Result<Self> {
        if !command.is_empty() {
            return Self::of_command(command);
        }
        match file {
            None => Self::parse(BUILT_IN).context("the plan that is built in"),
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("the plan {} cannot be read", file.display()))?;
                Self::parse(&text).with_context(|| format!("the plan {}", file.display()))
            }
        }
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let plan: Self = toml::from_str(text)?;
        if plan.steps.is_empty() || plan.steps.len() > MAX_TODOS {
            bail!("a plan has from 1 to {MAX_TODOS} steps");
        }
        for step in &plan.steps {
            if step.command.is_empty() {
                bail!("the command of step {:?} is empty", step.id);
            }
            if step.title.chars().count() > MAX_TODO_CHARS {
                bail!("the title of step {:?} is over {MAX_TODO_CHARS} characters", step.id);
            }
        }
        let mut ids: Vec<_> = plan.steps.iter().map(|step| &step.id).collect();
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            bail!("two steps have the id {:?}", twice[0]);
        }
        Ok(plan)
    }

    fn of_command(command: &[OsString]) -> anyhow::Result<Self> {
        let words = command.iter().map(|word| word.to_str().map(str::to_owned));
        let command: Vec<_> =
            words.collect::<Option<_>>().context("the command to run must be UTF-8")?;
        let title: String = command.join(" ").chars().take(MAX_TODO_CHARS).collect();
        Ok(Self {
            project: Project { id: "command".to_owned(), name: title.clone() },
            steps: vec![Step { id: "run".to_owned(), title, command }],
        })
    }

    /// What is built, for people.
    pub(super) fn name(&self) -> &str {
        &self.project.name
    }

    /// Ids for the events of a build. The command's id names the session too.
    pub(super) fn ids(&self, command_id: String, project_id: Option<String>) -> EventIds {
        EventIds {
            project_id: project_id.unwrap_or_else(|| self.project.id.clone()),
            command_id,
            session_id: None,
        }
    }
}

impl Step {
    /// The command with folders in place of their placeholders.
    pub(super) fn words(&self, target: &Path) -> Vec<String> {
        let target = target.to_string_lossy();
        let fill = |word: &String| word.replace("{sample}", SAMPLE).replace("{target}", &target);
        self.command.iter().map(fill).collect()
    }
}

const BUILT_IN: &str = include_str!("../../plan.toml");

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sample");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_plan_can_be_read() {
        let plan = Plan::choose(None, &[]).unwrap();
        assert!(plan.steps.len() > 2);
        let words = plan.steps[0].words(Path::new("/out"));
        assert!(words.contains(&"/out".to_owned()), "{words:?}");
        assert!(words.iter().all(|word| !word.contains('{')), "{words:?}");
    }

    #[test]
    fn a_command_is_a_plan_of_one_step() {
        let plan = Plan::choose(None, &["echo".into(), "two words".into()]).unwrap();
        assert_eq!(plan.steps[0].command, ["echo", "two words"]);
        assert_eq!(plan.steps[0].title, "echo two words");
    }

    #[test]
    fn a_bad_plan_is_refused_with_what_is_wrong() {
        let step = |id: &str, command: &str| {
            format!("[[step]]\nid = \"{id}\"\ntitle = \"t\"\ncommand = {command}\n")
        };
        let head = "[project]\nid = \"p\"\nname = \"n\"\n";
        for (body, reason) in [
            (format!("step = []\n{head}"), "from 1 to"),
            (format!("{head}{}", step("a", "[]")), "is empty"),
            (format!("{head}{}{}", step("a", "[\"x\"]"), step("a", "[\"x\"]")), "two steps"),
            (format!("{head}typo = 1\n{}", step("a", "[\"x\"]")), "typo"),
        ] {
            let error = format!("{:#}", Plan::parse(&body).unwrap_err());
            assert!(error.contains(reason), "{error}");
        }
        let missing = Plan::choose(Some(Path::new("no/such/plan.toml")), &[]).unwrap_err();
        assert!(missing.to_string().contains("no/such/plan.toml"));
    }
}

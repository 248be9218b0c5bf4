//! The todos of a build: one per step, and those that the commands add with `@todo` lines.

use crate::event::{Todo, TodoStatus};
use crate::limits::{MAX_ID_CHARS, MAX_TODO_CHARS, MAX_TODOS};

/// The todos in the order to show.
#[derive(Debug, Default)]
pub(super) struct Todos {
    todos: Vec<Todo>,
}

impl Todos {
    /// Adds a todo that is still to be done.
    pub(super) fn add(&mut self, id: &str, content: &str) -> bool {
        if self.todos.len() >= MAX_TODOS
            || id.is_empty()
            || id.chars().count() > MAX_ID_CHARS
            || id.chars().any(char::is_control)
            || self.todos.iter().any(|todo| todo.id == id)
        {
            return false;
        }
        let content = content.chars().take(MAX_TODO_CHARS).collect();
        self.todos.push(Todo { id: id.to_owned(), content, status: TodoStatus::Pending });
        true
    }

    /// Says how far a todo is. False if nothing changed.
    pub(super) fn set(&mut self, id: &str, status: TodoStatus) -> bool {
        match self.todos.iter_mut().find(|todo| todo.id == id) {
            Some(todo) if todo.status != status => {
                todo.status = status;
                true
            }
            _ => false,
        }
    }

    /// Follows a line `@todo add <id> <text>`, `@todo start <id>`, `@todo done <id>` or
    /// `@todo fail <id>`. False if it is none, or nothing changed.
    pub(super) fn follow(&mut self, line: &str) -> bool {
        let Some(rest) = line.trim().strip_prefix("@todo ") else { return false };
        let (verb, rest) = split_word(rest);
        let (id, text) = split_word(rest);
        match verb {
            "add" => self.add(id, text),
            "start" => self.set(id, TodoStatus::InProgress),
            "done" => self.set(id, TodoStatus::Completed),
            "fail" => self.set(id, TodoStatus::Failed),
            _ => false,
        }
    }

    /// The todos as an event reports them.
    pub(super) fn snapshot(&self) -> Vec<Todo> {
        self.todos.clone()
    }
}

fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_add_and_change_todos() {
        let mut todos = Todos::default();
        assert!(todos.follow("@todo add 1  Write the parser"));
        assert!(todos.follow("  @todo start 1\n"));
        assert!(todos.follow("@todo done 1"));
        let todo = &todos.snapshot()[0];
        assert_eq!(
            (todo.content.as_str(), todo.status),
            ("Write the parser", TodoStatus::Completed)
        );
    }

    #[test]
    fn other_lines_change_nothing() {
        let mut todos = Todos::default();
        for line in ["", "@todo", "@todo add", "@todo done 1", "@todo eat 1", "x @todo add 1 a"] {
            assert!(!todos.follow(line), "{line}");
        }
        assert!(todos.follow("@todo add 1 a"));
        assert!(!todos.follow("@todo add 1 b"), "an id is taken once");
        assert!(todos.follow("@todo done 1") && !todos.follow("@todo done 1"));
    }

    #[test]
    fn todos_are_bounded() {
        let mut todos = Todos::default();
        for n in 0..2 * MAX_TODOS {
            todos.add(&n.to_string(), &"x".repeat(2 * MAX_TODO_CHARS));
        }
        assert_eq!(todos.snapshot().len(), MAX_TODOS);
        assert_eq!(todos.snapshot()[0].content.len(), MAX_TODO_CHARS);
        assert!(!Todos::default().add(&"x".repeat(MAX_ID_CHARS + 1), "a"));
    }
}

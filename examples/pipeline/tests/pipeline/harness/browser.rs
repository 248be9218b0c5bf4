//! A real page in a real browser.

use std::process::Stdio;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Headless Chromium with one page, until it is dropped.
pub(crate) struct Browser {
    child: Child,
    group: Pid,
    _profile: TempDir,
}

impl Browser {
    /// Opens a page. Whether it works shows in what it sends.
    pub(crate) fn open(url: &str) -> Self {
        let profile = TempDir::new().unwrap();
        let child = Command::new("chromium")
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own: the pages are processes too, and have to end with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("chromium cannot be started: {error}"));
        let group = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap());
        Self { child, group, _profile: profile }
    }

    /// Ends the browser without a word, and waits for it.
    pub(crate) async fn close(mut self) {
        self.kill();
        self.child.wait().await.unwrap();
    }

    fn kill(&self) {
        // Only while the leader is not reaped: its id belongs to nobody else then.
        if self.child.id().is_some() {
            let _ = killpg(self.group, Signal::SIGKILL);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.kill();
    }
}

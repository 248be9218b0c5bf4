//! Holds up a shell script until the test lets it go on.

use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;

/// A named pipe that a script reads from. When the test ends, the script reads the end of it, so none
/// waits for ever.
pub(crate) struct Gate {
    file: String,
    sender: pipe::Sender,
}

impl Gate {
    pub(crate) fn new(folder: &Path) -> Self {
        let file = folder.join("gate");
        mkfifo(&file, Mode::S_IRWXU).unwrap();
        // With a reader of its own, so that opening waits for nobody.
        let sender = pipe::OpenOptions::new().read_write(true).open_sender(&file).unwrap();
        Self { file: file.to_str().unwrap().to_owned(), sender }
    }

    /// Shell commands that run `before`, wait, and then run `after`.
    pub(crate) fn between(&self, before: &str, after: &str) -> String {
        format!("exec 3<'{}'; {before}; read go <&3; {after}", self.file)
    }

    pub(crate) async fn open(&mut self) {
        self.sender.write_all(b"go\n").await.unwrap();
    }
}

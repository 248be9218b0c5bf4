//! Reads the output of a command line by line, in bounded memory.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use crate::limits::MAX_LINE_BYTES;

/// The next line without its end; `None` at the end of the output. A line over [`MAX_LINE_BYTES`]
/// comes in several pieces. Bytes that are not UTF-8 become U+FFFD.
pub(super) async fn next_line<R>(output: &mut R) -> io::Result<Option<String>>
where
    R: AsyncBufRead + Unpin,
{
    let mut line = Vec::new();
    loop {
        let available = output.fill_buf().await?;
        if available.is_empty() {
            return Ok((!line.is_empty()).then(|| text(&line)));
        }
        let room = MAX_LINE_BYTES - line.len();
        let end = available.iter().take(room).position(|byte| *byte == b'\n');
        let taken = end.unwrap_or_else(|| available.len().min(room));
        line.extend_from_slice(available.get(..taken).unwrap_or_default());
        output.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() || line.len() == MAX_LINE_BYTES {
            return Ok(Some(text(&line)));
        }
    }
}

fn text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(output: &[u8]) -> Vec<String> {
        let mut output = tokio::io::BufReader::with_capacity(7, output);
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut output).await.unwrap() {
            lines.push(line);
        }
        lines
    }

    #[tokio::test]
    async fn every_line_comes_once_with_or_without_its_end() {
        assert_eq!(lines(b"one\r\n\ntwo \xff\nthree").await, ["one", "", "two \u{fffd}", "three"]);
        assert!(lines(b"").await.is_empty());
    }

    #[tokio::test]
    async fn a_line_without_end_comes_in_pieces() {
        let pieces = lines(&[b'x'; 2 * MAX_LINE_BYTES + 1]).await;
        let lengths: Vec<_> = pieces.iter().map(String::len).collect();
        assert_eq!(lengths, [MAX_LINE_BYTES, MAX_LINE_BYTES, 1]);
    }
}

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// How many lines are kept.
const LINES: usize = 10_000;
/// Longer lines are cut here, in bytes.
const LINE: u64 = 64 << 10;

/// The newest lines that a child has written to its standard output and error.
#[derive(Clone, Debug, Default)]
pub(super) struct Logs(Arc<Mutex<VecDeque<String>>>);

impl Logs {
    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    /// The last lines, for an error message.
    pub(super) fn tail(&self, lines: usize) -> String {
        let held = self.lock();
        let skipped = held.len().saturating_sub(lines);
        held.iter()
            .skip(skipped)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Reads a stream to its end.
    pub(super) fn follow(
        &self,
        stream: impl AsyncRead + Unpin + Send + 'static,
    ) -> tokio::task::JoinHandle<()> {
        let logs = self.clone();
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            loop {
                line.clear();
                match (&mut stream).take(LINE).read_until(b'\n', &mut line).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => logs.push(String::from_utf8_lossy(&line).trim_end().to_owned()),
                }
            }
        })
    }

    fn push(&self, line: String) {
        let mut held = self.lock();
        held.push_back(line);
        if held.len() > LINES {
            held.pop_front();
        }
    }
}

//! Measures a start with nothing of ours beside it.
//!
//! [`FunctionProcess`](super::FunctionProcess) answers, follows the logs and runs on the threads of its
//! caller; on a machine with two cores that costs the function it measures 2 ms. Here one blocking
//! socket waits for the first byte of the first poll.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::function::{FunctionError, FunctionOptions, lambda_environment};
use crate::measured::resident_bytes;

/// A start, and what the process held in memory when it began to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstPoll {
    /// From just before the process is made to its first poll of the runtime API.
    pub after: Duration,
    /// `VmRSS` at that moment, in bytes.
    pub resident: u64,
}

/// Starts a function, waits for its first poll, which is never answered, and kills it. What it writes is
/// dropped.
///
/// Blocks the thread.
///
/// # Errors
///
/// [`FunctionError`]; [`FunctionError::NeverPolled`] and [`FunctionError::Exited`] quote no output.
pub fn first_poll(binary: &Path, options: &FunctionOptions) -> Result<FirstPoll, FunctionError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(FunctionError::Serve)?;
    let address = listener.local_addr().map_err(FunctionError::Serve)?;
    let (polled, poll) = mpsc::sync_channel(1);
    let waiting = thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let read = stream.read(&mut [0; 4096])?;
        // Nobody listens any more where the function was too late.
        let _ = polled.send((Instant::now(), read));
        // Held until the function is gone: it waits for its first event.
        stream.read(&mut [0; 1]).map(drop)
    });
    let begun = Instant::now();
    let mut function = Killed(
        Command::new(binary)
            .args(&options.arguments)
            .env_clear()
            .envs(lambda_environment(options, address))
            .envs(&options.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| FunctionError::Execute {
                binary: binary.to_owned(),
                source,
            })?,
    );
    let (at, read) = loop {
        // Long enough that looking does not disturb what is measured.
        if let Ok(polled) = poll.recv_timeout(Duration::from_millis(50)) {
            break polled;
        }
        let ended = function.0.try_wait().map_err(FunctionError::Observe)?;
        if ended.is_none() && begun.elapsed() < options.init_timeout {
            continue;
        }
        // Wakes the thread where nothing ever connected.
        drop(std::net::TcpStream::connect(address));
        return Err(match ended {
            Some(status) => FunctionError::Exited {
                status,
                output: String::new(),
            },
            None => FunctionError::NeverPolled {
                after: options.init_timeout,
                output: String::new(),
            },
        });
    };
    if read == 0 {
        return Err(FunctionError::Observe(std::io::Error::other(
            "the connection to the runtime API was closed without a request",
        )));
    }
    let resident = resident_bytes(function.0.id()).map_err(FunctionError::Observe)?;
    drop(function);
    let _ = waiting.join();
    Ok(FirstPoll {
        after: at.saturating_duration_since(begun),
        resident,
    })
}

/// A child that does not outlive this value.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

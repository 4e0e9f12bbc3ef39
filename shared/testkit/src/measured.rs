//! What a program takes to run: time, processor, memory.

use std::io::{self, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// A program that has ended.
#[derive(Clone, Debug)]
pub struct Measured {
    /// How it ended.
    pub status: ExitStatus,
    /// From just before it was started to its end.
    pub wall: Duration,
    /// User and system time.
    pub cpu: Duration,
    /// The most memory that it had in RAM (`VmHWM`), in bytes.
    pub peak: u64,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
}

/// Runs a program to its end, and kills it when it takes longer than `patience`. The processor time is
/// that of all children that end meanwhile, so nothing else may be waited for beside it.
///
/// # Errors
/// When it cannot be started or observed, and [`io::ErrorKind::TimedOut`].
pub fn run(command: &mut Command, patience: Duration) -> io::Result<Measured> {
    let before = processor()?;
    let begin = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // Read while it runs: a full pipe would hold it up.
    let stdout = child.stdout.take().map(collect);
    let stderr = child.stderr.take().map(collect);
    let mut peak = 0;
    let status = loop {
        // The system keeps the highest value itself, so it is enough to look now and then.
        peak = peak_bytes(child.id()).unwrap_or(peak);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begin.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("not finished after {} s", patience.as_secs()),
            ));
        }
        thread::sleep(Duration::from_millis(1));
    };
    let wall = begin.elapsed();
    let cpu = processor()?.saturating_sub(before);
    let output = |reader: Option<thread::JoinHandle<Vec<u8>>>| {
        reader
            .and_then(|reader| reader.join().ok())
            .unwrap_or_default()
    };
    Ok(Measured {
        status,
        wall,
        cpu,
        peak,
        stdout: output(stdout),
        stderr: output(stderr),
    })
}

fn collect(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is what there is.
        let _ = stream.read_to_end(&mut bytes);
        bytes
    })
}

/// User and system time of all children that were waited for.
fn processor() -> io::Result<Duration> {
    let usage: Usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let time = |time: TimeVal| {
        let micros = time.tv_sec().saturating_mul(1_000_000) + time.tv_usec();
        Duration::from_micros(micros.try_into().unwrap_or_default())
    };
    Ok(time(usage.user_time()) + time(usage.system_time()))
}

/// The memory of a process that is in RAM now (`VmRSS`), in bytes.
///
/// # Errors
/// Also after the process has ended.
pub fn resident_bytes(process: u32) -> io::Result<u64> {
    memory(process, "VmRSS:")
}

/// The most memory of a process that was ever in RAM (`VmHWM`), in bytes.
///
/// # Errors
/// Also after the process has ended.
pub fn peak_bytes(process: u32) -> io::Result<u64> {
    memory(process, "VmHWM:")
}

fn memory(process: u32, name: &str) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    memory_line(&status, name).ok_or_else(|| io::Error::other("the process has ended"))
}

/// Reads a line like `VmRSS:     5736 kB` of `/proc/<id>/status` (proc(5)).
fn memory_line(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "Name:\tfunction\nVmHWM:\t    8000 kB\nVmRSS:\t    5736 kB\n";
        assert_eq!(memory_line(status, "VmRSS:"), Some(5_736 * 1024));
        assert_eq!(memory_line(status, "VmHWM:"), Some(8_000 * 1024));
        assert_eq!(memory_line(status, "VmSwap:"), None);
        assert_eq!(memory_line("VmRSS: many kB", "VmRSS:"), None);
    }

    #[test]
    fn a_program_is_run_to_its_end_and_read() {
        let patience = Duration::from_secs(60);
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo out; echo error >&2; sleep 0.1; exit 3"]);
        let run = run(&mut shell, patience).unwrap();
        assert_eq!(run.status.code(), Some(3));
        assert_eq!(
            (&*run.stdout, &*run.stderr),
            (&b"out\n"[..], &b"error\n"[..])
        );
        assert!(
            run.wall >= Duration::from_millis(100) && run.peak > 0,
            "{run:?}"
        );
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let late = run(Command::new("sleep").arg("600"), Duration::from_millis(50));
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}

//! What is seen of a copy while it runs: bars on a terminal, one line a blob elsewhere.
//!
//! Everything here goes to standard error; standard output is for the result.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{BinaryBytes, MultiProgress, ProgressBar, ProgressStyle};
use steward_core::Digest;
use steward_registry::copy::{Moved, NoProgress, Progress, ProgressEvent};

use crate::output::plural;

/// Blobs smaller than this are over before a person could read their bar.
const MIN_OWN_BAR: u64 = 1024 * 1024;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// Not at all.
    Quiet,
    /// Lines that can be kept in a log.
    Lines,
    /// Bars that are drawn over each other.
    Bars,
}

/// The progress of one copy.
pub struct Shown {
    progress: Arc<dyn Progress>,
    bars: Option<Arc<Bars>>,
}

impl Shown {
    /// Begins to show progress.
    #[must_use]
    pub fn new(display: Display) -> Self {
        match display {
            Display::Quiet => Self {
                progress: Arc::new(NoProgress),
                bars: None,
            },
            Display::Lines => {
                let lines = Lines {
                    state: Mutex::default(),
                    write: Box::new(to_stderr),
                };
                Self {
                    progress: Arc::new(lines),
                    bars: None,
                }
            }
            Display::Bars => {
                let bars = Arc::new(Bars::new(MultiProgress::new()));
                let progress: Arc<dyn Progress> = Arc::<Bars>::clone(&bars);
                Self {
                    progress,
                    bars: Some(bars),
                }
            }
        }
    }

    /// What the copy engine is to tell.
    #[must_use]
    pub fn listener(&self) -> Arc<dyn Progress> {
        Arc::clone(&self.progress)
    }

    /// Wipes the bars, so that the result stands alone.
    pub fn finish(&self) {
        if let Some(bars) = &self.bars {
            bars.finish();
        }
    }
}

fn to_stderr(line: &str) {
    use std::io::Write as _;

    // A reader of the log that went away must not stop the copy.
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// A poisoned lock holds counters only; they are good enough to go on with.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Lines {
    state: Mutex<Counted>,
    write: Box<dyn Fn(&str) + Send + Sync>,
}

#[derive(Default)]
struct Counted {
    planned: u64,
    done: u64,
}

impl Progress for Lines {
    fn event(&self, event: &ProgressEvent) {
        let mut state = locked(&self.state);
        match event {
            ProgressEvent::Planned { blobs, bytes } => {
                state.planned = *blobs;
                let bytes = BinaryBytes(*bytes);
                (self.write)(&format!("{}, {bytes} at most", plural(*blobs, "blob")));
            }
            ProgressEvent::BlobDone { digest, size, how } => {
                state.done += 1;
                let how = match how {
                    Moved::Copied => "copied",
                    Moved::Mounted => "mounted",
                    Moved::Present => "there already",
                };
                let (Counted { planned, done }, digest, size) =
                    (&*state, digest.short(), BinaryBytes(*size));
                // Referrers come after the plan, so there can be more blobs than planned.
                let of = if done <= planned {
                    format!("/{planned}")
                } else {
                    String::new()
                };
                (self.write)(&format!("blob {done}{of} {digest} {size} {how}"));
            }
            ProgressEvent::ManifestDone { digest } => {
                (self.write)(&format!("manifest {} written", digest.short()));
            }
            _ => {}
        }
    }
}

struct Bars {
    screen: MultiProgress,
    total: ProgressBar,
    state: Mutex<Moving>,
}

#[derive(Default)]
struct Moving {
    blobs: HashMap<Digest, MovingBlob>,
    /// Bytes of the blobs that are done.
    done: u64,
}

struct MovingBlob {
    sent: u64,
    bar: Option<ProgressBar>,
}

impl Bars {
    fn new(screen: MultiProgress) -> Self {
        let total = screen.add(ProgressBar::new(0));
        total.set_style(style(
            "{spinner} {bar:32} {binary_bytes:>11}/{binary_total_bytes:<11} {binary_bytes_per_sec:>12} {msg}",
        ));
        total.enable_steady_tick(Duration::from_millis(100));
        Self {
            screen,
            total,
            state: Mutex::default(),
        }
    }

    fn start(&self, digest: &Digest, size: u64) {
        let bar = (size >= MIN_OWN_BAR).then(|| {
            let bar = self
                .screen
                .insert_before(&self.total, ProgressBar::new(size));
            bar.set_style(style(
                "  {msg} {bar:30} {binary_bytes:>11}/{binary_total_bytes:<11}",
            ));
            bar.set_message(digest.short().to_owned());
            bar
        });
        locked(&self.state)
            .blobs
            .insert(digest.clone(), MovingBlob { sent: 0, bar });
    }

    fn moved(&self, digest: &Digest, sent: u64) {
        let mut state = locked(&self.state);
        if let Some(blob) = state.blobs.get_mut(digest) {
            blob.sent = sent;
            if let Some(bar) = &blob.bar {
                bar.set_position(sent);
            }
        }
        self.show(&state);
    }

    fn done(&self, digest: &Digest, size: u64) {
        let mut state = locked(&self.state);
        if let Some(MovingBlob { bar: Some(bar), .. }) = state.blobs.remove(digest) {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
        state.done += size;
        self.show(&state);
    }

    fn show(&self, state: &Moving) {
        let moving: u64 = state.blobs.values().map(|blob| blob.sent).sum();
        let position = state.done + moving;
        if self.total.length().is_none_or(|length| length < position) {
            self.total.set_length(position);
        }
        self.total.set_position(position);
    }

    fn finish(&self) {
        for (_, blob) in locked(&self.state).blobs.drain() {
            if let Some(bar) = blob.bar {
                bar.finish_and_clear();
            }
        }
        self.total.finish_and_clear();
    }
}

impl Progress for Bars {
    fn event(&self, event: &ProgressEvent) {
        match event {
            ProgressEvent::Planned { blobs, bytes } => {
                self.total.set_length(*bytes);
                self.total.set_message(plural(*blobs, "blob"));
            }
            ProgressEvent::BlobStarted { digest, size } => self.start(digest, *size),
            ProgressEvent::BlobMoved { digest, sent } => self.moved(digest, *sent),
            ProgressEvent::BlobDone { digest, size, .. } => self.done(digest, *size),
            _ => {}
        }
    }
}

/// The templates are constants; one with a mistake falls back to indicatif's own.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
        .tick_chars(r"|/-\ ")
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    fn digest(letter: &str) -> Digest {
        format!("sha256:{}", letter.repeat(64)).parse().unwrap()
    }

    #[test]
    fn lines_tell_of_each_blob_and_manifest() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&told);
        let lines = Lines {
            state: Mutex::default(),
            write: Box::new(move |line| locked(&sink).push(line.to_owned())),
        };
        for event in [
            ProgressEvent::Planned {
                blobs: 2,
                bytes: 3 * 1024 * 1024,
            },
            ProgressEvent::BlobStarted {
                digest: digest("a"),
                size: 2 * 1024 * 1024,
            },
            ProgressEvent::BlobMoved {
                digest: digest("a"),
                sent: 12,
            },
            ProgressEvent::BlobDone {
                digest: digest("a"),
                size: 2 * 1024 * 1024,
                how: Moved::Copied,
            },
            ProgressEvent::BlobDone {
                digest: digest("b"),
                size: 1024 * 1024,
                how: Moved::Present,
            },
            ProgressEvent::ManifestDone {
                digest: digest("c"),
            },
            ProgressEvent::BlobDone {
                digest: digest("d"),
                size: 2,
                how: Moved::Mounted,
            },
        ] {
            lines.event(&event);
        }
        insta::assert_snapshot!(locked(&told).join("\n"), @r"
        2 blobs, 3.00 MiB at most
        blob 1/2 aaaaaaaaaaaa 2.00 MiB copied
        blob 2/2 bbbbbbbbbbbb 1.00 MiB there already
        manifest cccccccccccc written
        blob 3 dddddddddddd 2 B mounted
        ");
    }

    #[test]
    fn bars_count_what_was_there_as_done_and_leave_nothing_behind() {
        let term = InMemoryTerm::new(10, 100);
        let screen = MultiProgress::with_draw_target(indicatif::ProgressDrawTarget::term_like(
            Box::new(term.clone()),
        ));
        let bars = Bars::new(screen);
        let mib = 1024 * 1024;
        bars.event(&ProgressEvent::Planned {
            blobs: 2,
            bytes: 8 * mib,
        });
        bars.event(&ProgressEvent::BlobStarted {
            digest: digest("a"),
            size: 4 * mib,
        });
        bars.event(&ProgressEvent::BlobMoved {
            digest: digest("a"),
            sent: 2 * mib,
        });
        bars.event(&ProgressEvent::BlobDone {
            digest: digest("b"),
            size: 4 * mib,
            how: Moved::Present,
        });
        assert_eq!(bars.total.position(), 6 * mib);
        bars.total.force_draw();
        let shown = term.contents();
        assert!(shown.contains("aaaaaaaaaaaa"), "{shown}");
        assert!(shown.contains("6.00 MiB/8.00 MiB"), "{shown}");
        assert!(shown.contains("2 blobs"), "{shown}");
        bars.finish();
        assert_eq!(term.contents(), "");
    }
}

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::window::{Admission, Window};

/// Where requests of one kind to one registry wait for their turn.
pub(crate) struct Gate {
    window: Mutex<Window>,
    changed: Notify,
}

/// A request under way. Dropped untold, it says nothing about the registry.
pub(crate) struct Pass {
    gate: Arc<Gate>,
    began: Instant,
    told: bool,
}

impl Gate {
    pub(super) fn new(window: Window) -> Self {
        Self {
            window: Mutex::new(window),
            changed: Notify::new(),
        }
    }

    /// Waits until one more request may begin.
    pub(crate) async fn enter(self: Arc<Self>) -> Pass {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            let now = Instant::now();
            let admission = self.window().admit(now);
            match admission {
                Admission::Now => break,
                Admission::At(then) => tokio::time::sleep_until(then.into()).await,
                Admission::Full => changed.await,
            }
        }
        Pass {
            gate: self,
            began: Instant::now(),
            told: false,
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// The registry answered, whatever it said.
    pub(crate) fn answered(mut self) {
        self.tell(|window, _| window.answered(Instant::now()));
    }

    /// The registry refused the request for being one too many, and asked everybody to wait.
    pub(crate) fn refused(mut self, asked: Option<Duration>) {
        self.tell(|window, began| window.refused(Instant::now(), began, asked));
    }

    fn tell(&mut self, what: impl FnOnce(&mut Window, Instant)) {
        self.told = true;
        what(&mut self.gate.window(), self.began);
        self.gate.changed.notify_waiters();
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.told {
            self.tell(|window, _| window.ended());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_gate_opens_when_a_request_ends() {
        let gate = Arc::new(Gate::new(Window::new(1)));
        let first = Arc::clone(&gate).enter().await;
        let second = tokio::spawn(Arc::clone(&gate).enter());
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap().answered();
        // Who gives up waiting leaves no trace.
        let third = Arc::clone(&gate).enter().await;
        let waits = tokio::time::timeout(Duration::from_millis(5), Arc::clone(&gate).enter());
        assert!(waits.await.is_err());
        third.answered();
        gate.enter().await.answered();
    }

    #[tokio::test]
    async fn a_refusal_holds_everybody() {
        let gate = Arc::new(Gate::new(Window::new(8)));
        let asked = Duration::from_millis(300);
        let other = Arc::clone(&gate).enter().await;
        Arc::clone(&gate).enter().await.refused(Some(asked));
        other.answered();
        let before = Instant::now();
        gate.enter().await.answered();
        assert!(before.elapsed() >= asked - Duration::from_millis(20));
    }
}

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The way of bytes through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the target: an upload.
    ToTarget,
    /// From the target to the client: a download.
    ToClient,
}

/// How a cut connection ends for both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// Reset (RST), as when a machine on the way dies.
    #[default]
    Reset,
    /// Closed in order (FIN), as by a server that ends too early.
    Close,
}

/// Connections to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Which bytes count.
    pub direction: Direction,
    /// A connection is cut when it is about to carry more than so many bytes; exactly so many are
    /// passed on, though a reset may overtake the last of them. 0 cuts at the first byte.
    pub after: u64,
    /// How many connections are cut. Those which carry fewer bytes do not count.
    pub connections: u32,
    /// How they end.
    pub ending: Ending,
}

impl Cut {
    /// Resets so many connections after so many bytes to the client.
    #[must_use]
    pub fn download(after: u64, connections: u32) -> Self {
        Self {
            direction: Direction::ToClient,
            after,
            connections,
            ending: Ending::Reset,
        }
    }

    /// Resets so many connections after so many bytes to the target.
    #[must_use]
    pub fn upload(after: u64, connections: u32) -> Self {
        Self {
            direction: Direction::ToTarget,
            after,
            connections,
            ending: Ending::Reset,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    to_target: Option<Cut>,
    to_client: Option<Cut>,
    made: u32,
}

impl State {
    fn slot(&mut self, direction: Direction) -> &mut Option<Cut> {
        match direction {
            Direction::ToTarget => &mut self.to_target,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

/// The cuts in force.
#[derive(Debug, Default)]
pub(super) struct Cuts(Mutex<State>);

/// What to do with a piece of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    /// Pass so many bytes of it, then end the connection.
    CutAfter(usize, Ending),
}

impl Cuts {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, cut: Cut) {
        *self.lock().slot(cut.direction) = Some(cut);
    }

    pub(super) fn clear(&self) {
        let mut state = self.lock();
        state.to_target = None;
        state.to_client = None;
    }

    pub(super) fn made(&self) -> u32 {
        self.lock().made
    }

    /// Judges the next `length` bytes of a connection that has carried `carried`.
    pub(super) fn judge(&self, direction: Direction, carried: u64, length: usize) -> Verdict {
        let mut state = self.lock();
        let Some(cut) = state.slot(direction) else {
            return Verdict::Pass;
        };
        let left = cut.after.saturating_sub(carried);
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        if cut.connections == 0 || length <= left {
            return Verdict::Pass;
        }
        cut.connections -= 1;
        let ending = cut.ending;
        state.made += 1;
        Verdict::CutAfter(usize::try_from(left).unwrap_or(usize::MAX), ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_counts_the_connections_that_reach_it() {
        let cuts = Cuts::default();
        cuts.set(Cut::download(100, 2));
        let judge = |carried, length| cuts.judge(Direction::ToClient, carried, length);
        assert_eq!(judge(0, 100), Verdict::Pass);
        assert_eq!(judge(0, 101), Verdict::CutAfter(100, Ending::Reset));
        assert_eq!(judge(90, 20), Verdict::CutAfter(10, Ending::Reset));
        assert_eq!(judge(0, 1_000), Verdict::Pass);
        assert_eq!(cuts.judge(Direction::ToTarget, 0, 1_000), Verdict::Pass);
        assert_eq!(cuts.made(), 2);
    }
}

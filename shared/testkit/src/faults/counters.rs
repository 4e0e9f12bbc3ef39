use std::sync::atomic::{AtomicU64, Ordering};

/// What went through a proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were accepted.
    pub connections: u64,
    /// Bytes passed on from clients to the target.
    pub to_target: u64,
    /// Bytes passed on from the target to clients.
    pub to_client: u64,
    /// Request lines of HTTP/1.1 seen on the way to the target. A body that contains one counts
    /// too, and nothing is seen inside TLS.
    pub requests: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) to_target: AtomicU64,
    pub(super) to_client: AtomicU64,
    pub(super) requests: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Counts {
        Counts {
            connections: self.connections.load(Ordering::SeqCst),
            to_target: self.to_target.load(Ordering::SeqCst),
            to_client: self.to_client.load(Ordering::SeqCst),
            requests: self.requests.load(Ordering::SeqCst),
        }
    }

    pub(super) fn reset(&self) {
        for counter in [
            &self.connections,
            &self.to_target,
            &self.to_client,
            &self.requests,
        ] {
            counter.store(0, Ordering::SeqCst);
        }
    }
}

/// How every request line of HTTP/1.1 ends.
const LINE_END: &[u8] = b" HTTP/1.1\r\n";

/// Finds request lines in a stream that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct RequestLines {
    /// How many bytes of `LINE_END` the stream ended with.
    matched: usize,
}

impl RequestLines {
    /// How many request lines end in this piece.
    pub(super) fn count(&mut self, piece: &[u8]) -> u64 {
        let mut found = 0;
        for byte in piece {
            if LINE_END.get(self.matched) == Some(byte) {
                self.matched += 1;
                if self.matched == LINE_END.len() {
                    found += 1;
                    self.matched = 0;
                }
            } else {
                // Only the first byte of the pattern can begin a new match: it occurs once in it.
                self.matched = usize::from(LINE_END.first() == Some(byte));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_lines_are_found_across_pieces() {
        let stream = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nPUT /a  HTTP/1.1\r\n\r\nnot  HTTP/1.0\r\n";
        for size in 1..stream.len() {
            let mut lines = RequestLines::default();
            let found: u64 = stream.chunks(size).map(|piece| lines.count(piece)).sum();
            assert_eq!(found, 2, "pieces of {size}");
        }
    }
}

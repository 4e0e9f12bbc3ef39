//! One connection through the proxy.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use super::Mode;
use super::counters::{Counters, RequestLines};
use super::cuts::{Cuts, Direction, Ending, Verdict};

/// How much is read at once.
const PIECE: usize = 64 << 10;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    target: SocketAddr,
    mode: watch::Receiver<Mode>,
    delay_micros: AtomicU64,
    pub(super) cuts: Cuts,
    pub(super) counters: Counters,
}

impl Shared {
    pub(super) fn new(target: SocketAddr, mode: watch::Receiver<Mode>) -> Self {
        Self {
            target,
            mode,
            delay_micros: AtomicU64::new(0),
            cuts: Cuts::default(),
            counters: Counters::default(),
        }
    }

    pub(super) fn set_delay(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.delay_micros.store(micros, Ordering::SeqCst);
    }

    fn delay(&self) -> Duration {
        Duration::from_micros(self.delay_micros.load(Ordering::SeqCst))
    }
}

/// Why a relay ended before both sides were done.
enum Stop {
    Cut(Ending),
    Broken,
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

pub(super) async fn run(shared: Arc<Shared>, mut client: TcpStream) {
    shared.counters.connections.fetch_add(1, Ordering::SeqCst);
    let mut mode = shared.mode.clone();
    let forward = forward(&shared, &mut client);
    let reset = tokio::select! {
        biased;
        // Refusing, or the proxy is gone.
        _ = mode.wait_for(|mode| *mode == Mode::Refusing) => true,
        reset = forward => reset,
    };
    if reset {
        // Nothing is left to do when even this fails: the connection is dropped either way.
        let _ = client.set_zero_linger();
    }
}

/// Forwards until both sides are done; returns whether the client is to see a reset.
async fn forward(shared: &Shared, client: &mut TcpStream) -> bool {
    if moving(shared).await.is_err() {
        return true;
    }
    let Ok(mut target) = TcpStream::connect(shared.target).await else {
        return true;
    };
    // Small pieces pass at once; a failure costs only time.
    let _ = (client.set_nodelay(true), target.set_nodelay(true));
    let (mut from_client, mut to_client) = client.split();
    let (mut from_target, mut to_target) = target.split();
    let upload = pump(
        shared,
        Direction::ToTarget,
        &mut from_client,
        &mut to_target,
    );
    let download = pump(
        shared,
        Direction::ToClient,
        &mut from_target,
        &mut to_client,
    );
    let stopped = tokio::try_join!(upload, download);
    match stopped {
        Ok(_) | Err(Stop::Cut(Ending::Close)) => false,
        Err(Stop::Cut(Ending::Reset) | Stop::Broken) => {
            let _ = target.set_zero_linger();
            true
        }
    }
}

/// Waits while the proxy is silent.
async fn moving(shared: &Shared) -> Result<(), Stop> {
    let mut mode = shared.mode.clone();
    mode.wait_for(|mode| *mode != Mode::Silent)
        .await
        .map_err(|_| Stop::Broken)?;
    Ok(())
}

async fn pump(
    shared: &Shared,
    direction: Direction,
    from: &mut ReadHalf<'_>,
    to: &mut WriteHalf<'_>,
) -> Result<(), Stop> {
    let bytes = match direction {
        Direction::ToTarget => &shared.counters.to_target,
        Direction::ToClient => &shared.counters.to_client,
    };
    let mut lines = RequestLines::default();
    let mut carried: u64 = 0;
    let mut buffer = vec![0; PIECE];
    loop {
        let read = from.read(&mut buffer).await?;
        moving(shared).await?;
        if read == 0 {
            to.shutdown().await?;
            return Ok(());
        }
        let delay = shared.delay();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let verdict = shared.cuts.judge(direction, carried, read);
        let passed = match verdict {
            Verdict::Pass => read,
            Verdict::CutAfter(passed, _) => passed,
        };
        let piece = buffer.get(..passed).unwrap_or_default();
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        // Counted before it is passed on, so that whoever has seen an answer sees its count.
        bytes.fetch_add(length, Ordering::SeqCst);
        if direction == Direction::ToTarget {
            shared
                .counters
                .requests
                .fetch_add(lines.count(piece), Ordering::SeqCst);
        }
        to.write_all(piece).await?;
        carried += length;
        if let Verdict::CutAfter(_, ending) = verdict {
            return Err(Stop::Cut(ending));
        }
    }
}

//! Network faults on purpose: a TCP proxy on loopback that forwards to a target and, when told to,
//! cuts connections after some bytes, delays, refuses or falls silent.
//!
//! Every switch works while the proxy runs. Bytes, connections and HTTP requests are counted.
//!
//! [`HttpFaultProxy`] is for chaos: it reads HTTP, and each request meets the fault that a seed has
//! for it.

mod counters;
mod cuts;
mod dice;
mod http;
mod relay;
mod tampered;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, oneshot, watch};

pub use self::http::{HttpFaultProxy, Passed};
pub use counters::Counts;
pub use cuts::{Cut, Direction, Ending};
pub use dice::{Dice, HttpFault};

use relay::Shared;

/// How the proxy meets its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Forwards.
    #[default]
    Up,
    /// Connections are refused, as by a machine on which nothing listens. Connections that were
    /// open are reset.
    Refusing,
    /// Connections are accepted, and then nothing comes. Connections that were open stop moving.
    Silent,
}

/// A running proxy. Dropping it closes its connections and its port.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    mode: watch::Receiver<Mode>,
    commands: mpsc::UnboundedSender<(Mode, oneshot::Sender<io::Result<()>>)>,
}

impl FaultProxy {
    /// Listens on a free loopback port and forwards to `target`.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        // A bound socket that never listens keeps the port ours while connections are refused.
        let reserved = socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = reserved.local_addr()?;
        let listener = listen(address)?;
        let (set_mode, mode) = watch::channel(Mode::Up);
        let (commands, received) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(target, mode.clone()));
        let acceptor = Acceptor {
            address,
            _reserved: reserved,
            shared: Arc::clone(&shared),
            set_mode,
        };
        tokio::spawn(acceptor.run(listener, received));
        Ok(Self {
            address,
            shared,
            mode,
            commands,
        })
    }

    /// The address that clients connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The mode in force.
    #[must_use]
    pub fn mode(&self) -> Mode {
        *self.mode.borrow()
    }

    /// Changes the mode; it is in force when this returns.
    ///
    /// # Errors
    /// When the port cannot be listened on again.
    pub async fn set_mode(&self, mode: Mode) -> io::Result<()> {
        let (done, result) = oneshot::channel();
        let gone = || io::Error::other("the proxy's task has ended");
        self.commands.send((mode, done)).map_err(|_| gone())?;
        result.await.map_err(|_| gone())?
    }

    /// Cuts connections from now on, instead of any cut set before for the same direction.
    pub fn cut(&self, cut: Cut) {
        self.shared.cuts.set(cut);
    }

    /// Forgets all cuts.
    pub fn heal(&self) {
        self.shared.cuts.clear();
    }

    /// How many cuts have happened.
    #[must_use]
    pub fn cuts_made(&self) -> u32 {
        self.shared.cuts.made()
    }

    /// Holds every piece of data, in both directions, for so long before it is passed on.
    pub fn set_delay(&self, delay: Duration) {
        self.shared.set_delay(delay);
    }

    /// What went through since the start or the last [`FaultProxy::reset_counts`].
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.counters.read()
    }

    /// Starts counting from nothing.
    pub fn reset_counts(&self) {
        self.shared.counters.reset();
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    socket(address)?.listen(1024)
}

/// Accepts connections and follows the commands.
struct Acceptor {
    address: SocketAddr,
    _reserved: TcpSocket,
    shared: Arc<Shared>,
    set_mode: watch::Sender<Mode>,
}

impl Acceptor {
    async fn run(
        self,
        listener: TcpListener,
        mut commands: mpsc::UnboundedReceiver<(Mode, oneshot::Sender<io::Result<()>>)>,
    ) {
        let mut listener = Some(listener);
        loop {
            let accepted = async {
                match &listener {
                    Some(listener) => listener.accept().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                command = commands.recv() => {
                    // The proxy was dropped: `set_mode` goes with it, and the relays see that.
                    let Some((mode, done)) = command else { return };
                    let _ = done.send(self.change(mode, &mut listener));
                }
                accepted = accepted => {
                    // A failed accept concerns one client, which sees its connection fail.
                    if let Ok((client, _)) = accepted {
                        tokio::spawn(relay::run(Arc::clone(&self.shared), client));
                    }
                }
            }
        }
    }

    fn change(&self, mode: Mode, listener: &mut Option<TcpListener>) -> io::Result<()> {
        match mode {
            Mode::Refusing => *listener = None,
            Mode::Up | Mode::Silent if listener.is_none() => {
                *listener = Some(listen(self.address)?)
            }
            Mode::Up | Mode::Silent => {}
        }
        self.set_mode.send_replace(mode);
        Ok(())
    }
}

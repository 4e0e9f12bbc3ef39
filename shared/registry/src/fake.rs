//! A registry for tests: it keeps what is pushed, checks what a good registry checks, writes down
//! every request, and misbehaves on demand. It shares no code with the client.

mod answer;
mod image;
mod quirks;
mod routes;
pub(crate) mod services;
mod store;
mod tokens;
mod uploads;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use http::HeaderMap;
use hyper_util::rt::TokioIo;
use steward_core::{RegistryHost, RepositoryPath};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) use image::{Image, ImageSpec, bytes_of_size, digest, image, index, referrer};
pub(crate) use quirks::{Access, Fault, Mounts, Quirks, Throttle, What};
pub(crate) use store::Store;
pub(crate) use tokens::{Lacking, TokenService};

use crate::client::{Client, ClientBuilder};
use crate::repository::Repository;
use crate::retry::RetryPolicy;

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    /// Bytes of the body that arrived.
    pub(crate) received: u64,
    /// Bytes of the reply's body that left.
    pub(crate) sent: u64,
    pub(crate) status: u16,
}

impl Logged {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {} {}", self.method, self.path, self.status)
    }
}

pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) quirks: Quirks,
    pub(crate) log: Vec<Logged>,
    pub(crate) tokens: Vec<(String, u32)>,
    /// Tokens that a maker's token service has given.
    pub(crate) issued: u64,
    /// Those of them that the registry does not take any more.
    pub(crate) refuses_tokens_up_to: u64,
    pub(crate) address: SocketAddr,
}

/// A running registry; gone when dropped.
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Fake {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(set: impl FnOnce(&mut Quirks)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut quirks = Quirks::default();
        set(&mut quirks);
        let state = Arc::new(Mutex::new(State {
            store: Store::default(),
            quirks,
            log: Vec::new(),
            tokens: Vec::new(),
            issued: 0,
            refuses_tokens_up_to: 0,
            address,
        }));
        let shared = Arc::clone(&state);
        let server = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = hyper::service::service_fn(move |request| {
                        answer::answer(Arc::clone(&state), request)
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            state,
            address,
            server,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn host(&self) -> RegistryHost {
        self.address.to_string().parse().unwrap()
    }

    /// A repository seen by a fresh client without credentials.
    pub(crate) fn repository(&self, path: &str) -> Repository {
        self.repository_with(path, client())
    }

    pub(crate) fn repository_with(&self, path: &str, client: ClientBuilder) -> Repository {
        let path: RepositoryPath = path.parse().unwrap();
        let client: Client = client.build().unwrap();
        client.repository(&self.host(), &path).unwrap()
    }

    /// The requests so far.
    pub(crate) fn log(&self) -> Vec<Logged> {
        self.state().log.clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.log().iter().map(Logged::line).collect()
    }

    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        self.log()
            .iter()
            .filter(|logged| logged.method == method && logged.path.contains(part))
            .count()
    }

    pub(crate) fn forget_log(&self) {
        self.state().log.clear();
    }

    pub(crate) fn push(&self, path: &str, tag: Option<&str>, image: &Image) {
        self.state().store.push(path, tag, image);
    }

    pub(crate) fn tagged(&self, path: &str, tag: &str) -> Option<String> {
        self.state().store.tag(path, tag)
    }

    pub(crate) fn quirks(&self, set: impl FnOnce(&mut Quirks)) {
        set(&mut self.state().quirks);
    }
}

/// A client that does not wait between attempts.
pub(crate) fn client() -> ClientBuilder {
    Client::builder().retry(RetryPolicy::immediate())
}

type Answer = Result<http::Response<answer::Body>, Cut>;

/// Ends the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
pub(crate) struct Cut;

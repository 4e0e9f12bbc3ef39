//! Connections, and which door a request goes to.

use std::{sync::Arc, time::Duration};

use http::{Method, Request, Response, StatusCode, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use serde_json::json;
use steward_core::{NameError, RepositoryName};
use tokio::{net::TcpListener, sync::watch};

use super::{
    CreateOnPush, control,
    ecr_api::{self, Callers},
    images::{Images, Repository},
    outage::{Door, OutageKind, Outages},
    refusal::Refusal,
    registry::Registry,
    registry_api,
    reply::{self, Body},
};

/// How long open connections may finish what they are at when the gateway stops.
const GRACE: Duration = Duration::from_secs(5);

/// What every request can see.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) images: Images,
    pub(crate) outages: Outages,
    pub(crate) callers: Callers,
    pub(crate) home: Registry,
    pub(crate) create_on_push: CreateOnPush,
    pub(crate) require_auth: bool,
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer, as told")]
pub(crate) struct Broken;

impl Shared {
    /// A repository that is pushed to: created where ECR would create it.
    pub(crate) async fn ensure_repository(
        &self,
        registry: &Registry,
        name: &str,
    ) -> Result<Repository, Refusal> {
        let unknown = match self.images.repository(registry, name).await {
            Err(unknown @ Refusal::RepositoryUnknown { .. }) => unknown,
            other => return other,
        };
        let name: RepositoryName = name
            .parse()
            .map_err(|error: NameError| Refusal::NameInvalid(error.to_string()))?;
        let create = match self.create_on_push {
            CreateOnPush::Never => false,
            CreateOnPush::Home => registry.account == self.home.account,
            CreateOnPush::Everywhere => true,
        };
        if !create {
            return Err(unknown);
        }
        let answer = self
            .images
            .upstream
            .ecr(
                registry,
                "CreateRepository",
                &json!({ "repositoryName": name }),
            )
            .await?;
        // Clients push the layers of an image at the same time: one of them creates it.
        if answer.error() != Some("RepositoryAlreadyExistsException") {
            answer.success("CreateRepository")?;
        }
        self.images.repository(registry, name.as_str()).await
    }

    async fn answer(
        &self,
        default: &Registry,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Broken> {
        let path = request.uri().path();
        if path == "/v2" || path.starts_with("/v2/") {
            let registry = request
                .headers()
                .get(header::HOST)
                .and_then(|host| Registry::from_host(host.to_str().ok()?))
                .unwrap_or_else(|| default.clone());
            return match self.outages.hit(&registry, Door::Registry) {
                Some(OutageKind::Refuse) => Err(Broken),
                Some(OutageKind::Unavailable) => Ok(reply::refuse_oci(&Refusal::Unavailable)),
                None => Ok(registry_api::answer(self, &registry, request).await),
            };
        }
        if path.starts_with("/_gateway/") {
            return Ok(control::answer(self, request).await);
        }
        let target = request.headers().get("x-amz-target");
        let target = target
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        match target {
            Some(target) if path == "/" && request.method() == Method::POST => {
                ecr_api::answer(self, &target, request).await
            }
            _ => Ok(reply::json(
                StatusCode::NOT_FOUND,
                "application/json",
                &json!({ "error": "this is a registry: it has /v2/, the ECR API and /_gateway/" }),
            )),
        }
    }
}

/// Waits until told to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone will never tell: that is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Serves a listener until told to stop. Requests to hosts that are no registry's go to `default`.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    default: Registry,
    mut stop: watch::Receiver<bool>,
) {
    let connections = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file handles, say: a pause lets connections end.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stopped(&mut stop) => break,
        };
        let _ = stream.set_nodelay(true);
        let (shared, default) = (Arc::clone(&shared), default.clone());
        let service = service_fn(move |request| {
            let (shared, default) = (Arc::clone(&shared), default.clone());
            async move { shared.answer(&default, request).await }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("connections were still open when the gateway stopped");
    }
}

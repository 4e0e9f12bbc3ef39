use super::super::*;
use crate::fake::{Lacking, TokenService, services};

/// A registry of one make, with its token service and its blob store.
pub(super) struct Stand {
    pub(super) service: TokenService,
    pub(super) registry: Fake,
    pub(super) storage: Fake,
    /// The host of the token service, where it has one of its own.
    elsewhere: Option<Fake>,
    pub(super) image: Image,
}

impl Stand {
    pub(super) async fn of(service: TokenService) -> Self {
        let storage = Fake::start().await;
        let access = |service: &TokenService| Access::Service(Box::new(service.clone()));
        let elsewhere = match service.elsewhere {
            true => Some(Fake::with(|q| q.access = access(&service)).await),
            false => None,
        };
        let mut spoken_of = service.clone();
        spoken_of.origin = elsewhere.as_ref().map(|fake| fake.url(""));
        let registry = Fake::with(|q| {
            q.access = access(&spoken_of);
            q.blob_path = service.downloads;
            if service.downloads.is_none() {
                q.blob_origin = Some(storage.url(""));
            }
        })
        .await;
        let image = image(ImageSpec::default());
        for fake in [&registry, &storage] {
            for path in ["team/app", "open/app", "other/app"] {
                fake.push(path, Some("v1"), &image);
            }
        }
        Self {
            service,
            registry,
            storage,
            elsewhere,
            image,
        }
    }

    pub(super) fn client(&self, auth: Auth) -> Client {
        let host = self.host();
        let endpoint = format!("{host}={}", self.registry.url(""));
        client()
            .credentials(Arc::new(StaticCredentials::default().with(host, auth)))
            .endpoints(endpoint.parse().unwrap())
            .build()
            .unwrap()
    }

    pub(super) fn host(&self) -> RegistryHost {
        self.service.registry.parse().unwrap()
    }

    pub(super) fn repository(&self, client: &Client, path: &str) -> Repository {
        client
            .repository(&self.host(), &path.parse().unwrap())
            .unwrap()
    }

    pub(super) fn issuer(&self) -> &Fake {
        self.elsewhere.as_ref().unwrap_or(&self.registry)
    }

    /// Requests to the token service so far.
    pub(super) fn asked_for_tokens(&self) -> usize {
        let log = self.issuer().log();
        log.iter().filter(|l| l.path == self.service.path).count()
    }

    /// Requests to the registry itself so far, with their statuses.
    pub(super) fn requests(&self) -> Vec<u16> {
        let log = self.registry.log();
        let own = log.iter().filter(|l| l.path != self.service.path);
        own.map(|l| l.status).collect()
    }

    pub(super) fn refused(&self) -> usize {
        self.requests().iter().filter(|s| **s == 401).count()
    }

    /// Makes the registry forget the tokens that were given.
    pub(super) fn forget_tokens(&self) {
        let issued = self.issuer().state().issued;
        self.registry.state().refuses_tokens_up_to = issued;
    }

    /// Whether somebody saw a password or token who should not.
    pub(super) fn leaked(&self) -> bool {
        let shows = |logged: &crate::fake::Logged, scheme: &str| {
            let shown = logged.header("authorization");
            shown.is_some_and(|shown| shown.starts_with(scheme))
        };
        let by_password = self.service.lacking == Lacking::Basic;
        let registry = self.registry.log().into_iter().any(|logged| {
            let to_service = logged.path == self.service.path;
            let password = !by_password && !to_service && shows(&logged, "Basic");
            password || (to_service && shows(&logged, "Bearer")) || logged.query.contains("hush")
        });
        let elsewhere = self.elsewhere.as_ref().map(Fake::log).unwrap_or_default();
        let elsewhere = elsewhere.iter().any(|logged| shows(logged, "Bearer"));
        registry || elsewhere || leaked(&self.storage)
    }
}

/// Everybody whom a service knows.
pub(super) fn logins(service: &TokenService) -> Vec<Auth> {
    let pairs = service.pairs.iter().map(|pair| {
        let (username, password) = pair.split_once(':').unwrap();
        Auth::Basic {
            username: username.to_owned(),
            password: SecretString::from(password),
        }
    });
    let refresh = service.refresh.map(SecretString::from);
    let refresh = refresh.map(Auth::IdentityToken);
    let permanent = service.permanent.clone().map(SecretString::from);
    let permanent = permanent.map(Auth::Bearer);
    pairs.chain(refresh).chain(permanent).collect()
}

/// A stand for everybody whom any of the services knows.
pub(super) async fn stands() -> Vec<(Stand, Auth)> {
    let mut stands = Vec::new();
    for service in services::all() {
        for auth in logins(&service) {
            stands.push((Stand::of(service.clone()).await, auth));
        }
    }
    stands
}

/// The same, and one for each service with somebody unknown, with what they may read.
pub(super) async fn visitors() -> Vec<(Stand, Auth, &'static str)> {
    let known = stands().await.into_iter();
    let mut visitors: Vec<_> = known.map(|(s, auth)| (s, auth, "team/app")).collect();
    for service in services::all() {
        visitors.push((Stand::of(service).await, Auth::Anonymous, "open/app"));
    }
    visitors
}

pub(super) fn needs_tokens(auth: &Auth) -> bool {
    !matches!(auth, Auth::Bearer(_))
}

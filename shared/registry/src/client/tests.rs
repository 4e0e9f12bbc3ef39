//! The client against registries that are difficult or hostile. Each hostile case is the lesson of
//! an advisory, named beside it.

mod access;
mod hostile;
mod services;
mod smuggling;
mod ways;

use std::sync::Mutex;

use async_trait::async_trait;
use secrecy::SecretString;
use steward_core::{Digest, Reference};

use super::*;
use crate::auth::{Auth, CredentialError, StaticCredentials};
use crate::fake::{
    Access, Fake, Fault, Image, ImageSpec, What, bytes_of_size, client, digest, image, index,
    referrer,
};
use crate::repository::Repository;

const PAIR: &str = "robot:hush-hush";

fn basic() -> Auth {
    Auth::Basic {
        username: "robot".to_owned(),
        password: SecretString::from("hush-hush"),
    }
}

fn v1() -> Reference {
    "v1".parse().unwrap()
}

fn knowing(fake: &Fake, auth: Auth) -> Repository {
    let credentials = StaticCredentials::default().with(fake.host(), auth);
    fake.repository_with("team/app", client().credentials(Arc::new(credentials)))
}

async fn with_image(set: impl FnOnce(&mut crate::fake::Quirks)) -> (Fake, Image) {
    let fake = Fake::with(set).await;
    let image = image(ImageSpec::default());
    fake.push("team/app", Some("v1"), &image);
    (fake, image)
}

fn bearer(pair: Option<&str>, realm: Option<String>, refresh: Option<&str>) -> Access {
    Access::Bearer {
        pair: pair.map(str::to_owned),
        realm,
        uses: 1000,
        refresh: refresh.map(str::to_owned),
    }
}

fn leaked(fake: &Fake) -> bool {
    fake.log().iter().any(|logged| {
        logged.header("authorization").is_some()
            || logged.query.contains("hush")
            || logged.header("cookie").is_some()
    })
}

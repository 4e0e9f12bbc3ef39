//! Answers for adapter tests: the SDK's real client over scripted HTTP.
//!
//! The SDK's own replay client sits behind a feature that changes the crates underneath every service
//! client, so that tests would compile all of them a second time. This one is enough.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::{Response, StatusCode};
use aws_smithy_types::body::SdkBody;

/// Gives its answers in order, and remembers what was asked.
#[derive(Clone, Debug)]
pub(crate) struct Replay(Arc<Mutex<Script>>);

#[derive(Debug)]
struct Script {
    answers: VecDeque<(u16, String)>,
    asked: Vec<Asked>,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) uri: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(x, _)| x == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Replay {
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap().asked.clone()
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let mut script = self.0.lock().unwrap();
        script.asked.push(Asked {
            uri: request.uri().to_owned(),
            headers: request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: String::from_utf8(body).unwrap(),
        });
        let Some((status, body)) = script.answers.pop_front() else {
            let error = ConnectorError::io("the connection was cut".into());
            return HttpConnectorFuture::ready(Err(error));
        };
        let mut response =
            Response::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body));
        response
            .headers_mut()
            .insert("x-amzn-requestid", "request-7");
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// Gives these answers (status and body); after the last one, the connection breaks.
pub(crate) fn replay(answers: &[(u16, &str)]) -> Replay {
    Replay(Arc::new(Mutex::new(Script {
        answers: answers
            .iter()
            .map(|(status, body)| (*status, (*body).to_owned()))
            .collect(),
        asked: Vec::new(),
    })))
}

/// A configuration that uses `client` and does not retry.
pub(crate) fn config(client: &Replay) -> SdkConfig {
    let connector = SharedHttpConnector::new(client.clone());
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "AKIDEXAMPLE",
            "not-a-secret",
            None,
            None,
            "test",
        )))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .retry_config(RetryConfig::disabled())
        .build()
}

/// The body of the nth request.
pub(crate) fn request(client: &Replay, n: usize) -> String {
    client.asked()[n].body.clone()
}

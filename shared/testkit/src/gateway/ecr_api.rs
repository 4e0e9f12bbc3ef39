//! The door of ECR's API: `POST /` with `X-Amz-Target`.
//!
//! Operations on images are answered here, with ECR's semantics; operations on repositories and
//! the rest go to the emulator.

mod images;
mod layers;
mod pages;
mod repositories;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use steward_core::{AccountId, Region};

use super::{
    outage::{Door, OutageKind},
    refusal::Refusal,
    registry::Registry,
    reply::{self, Body},
    server::{Broken, Shared},
    upstream::{ECR_TARGET, UpstreamError},
};

/// Manifests are 4 MiB and layer parts 20 MiB (ECR API model), before JSON and base64.
const INPUT_LIMIT: usize = 32 << 20;

/// Answers an API request; `target` is the value of `X-Amz-Target`.
pub(crate) async fn answer(
    shared: &Shared,
    target: &str,
    request: Request<Incoming>,
) -> Result<Response<Body>, Broken> {
    let Some(action) = target.strip_prefix(ECR_TARGET) else {
        let refusal = Refusal::Unsupported(format!("the operation {target}"));
        return Ok(reply::refuse_api(&refusal));
    };
    let (parts, body) = request.into_parts();
    let input = match Limited::new(body, INPUT_LIMIT).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => {
            let refusal = Refusal::Malformed(error.to_string());
            return Ok(reply::refuse_api(&refusal));
        }
    };
    let call = Call {
        action,
        headers: &parts.headers,
        input,
    };
    match call.serve(shared).await {
        Ok(response) => Ok(response),
        Err(Failure::Refusal(refusal)) => {
            if let Refusal::Upstream(_) = &refusal {
                tracing::warn!(action, error = refusal.message(), "the emulator failed");
            }
            Ok(reply::refuse_api(&refusal))
        }
        Err(Failure::Broken) => Err(Broken),
    }
}

enum Failure {
    Refusal(Refusal),
    Broken,
}

impl<E: Into<Refusal>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Refusal(error.into())
    }
}

/// One call of an operation.
struct Call<'a> {
    action: &'a str,
    headers: &'a HeaderMap,
    input: Bytes,
}

impl Call<'_> {
    async fn serve(&self, shared: &Shared) -> Result<Response<Body>, Failure> {
        let caller = shared.callers.registry(shared, self.headers).await?;
        let input: Value = if self.input.is_empty() {
            json!({})
        } else {
            serde_json::from_slice(&self.input)
                .map_err(|error| Refusal::Malformed(error.to_string()))?
        };
        let registry = addressed(caller, &input)?;
        match shared.outages.hit(&registry, Door::Api) {
            Some(OutageKind::Unavailable) => return Err(Refusal::Unavailable.into()),
            Some(OutageKind::Refuse) => return Err(Failure::Broken),
            None => {}
        }
        let images = &shared.images;
        let output = match self.action {
            "PutImage" => images::put(images, &registry, parse(input)?).await?,
            "BatchGetImage" => images::batch_get(images, &registry, parse(input)?).await?,
            "BatchDeleteImage" => images::batch_delete(images, &registry, parse(input)?).await?,
            "DescribeImages" => images::describe(images, &registry, parse(input)?).await?,
            "UpdateImageStorageClass" => {
                images::update_storage_class(images, &registry, parse(input)?).await?
            }
            "ListImages" => images::list(images, &registry, parse(input)?).await?,
            "ListImageReferrers" => images::referrers(images, &registry, parse(input)?).await?,
            "BatchCheckLayerAvailability" => {
                layers::check(images, &registry, parse(input)?).await?
            }
            "InitiateLayerUpload" | "UploadLayerPart" | "CompleteLayerUpload" => {
                // The emulator answers these and keeps nothing: better to say so.
                return Err(Refusal::Unsupported(format!(
                    "{}: upload layers by the registry protocol; it",
                    self.action
                ))
                .into());
            }
            "CreateRepository" => repositories::create(images, &registry, input).await?,
            "DescribeRepositories" => {
                repositories::describe(images, &registry, parse(input)?).await?
            }
            "DeleteRepository" => repositories::delete(images, &registry, input).await?,
            "PutImageTagMutability" => {
                repositories::put_mutability(images, &registry, input).await?
            }
            _ => return Ok(self.forward(shared, &registry).await?),
        };
        Ok(reply::api(&output))
    }

    /// Lets the emulator answer, as the account that the request is for.
    async fn forward(
        &self,
        shared: &Shared,
        registry: &Registry,
    ) -> Result<Response<Body>, Refusal> {
        let input = if self.input.is_empty() {
            json!({})
        } else {
            serde_json::from_slice(&self.input)
                .map_err(|error| Refusal::Malformed(error.to_string()))?
        };
        let answer = shared
            .images
            .upstream
            .ecr(registry, self.action, &input)
            .await?;
        let mut response = reply::json(answer.status, "application/x-amz-json-1.1", &answer.body);
        if let Some(name) = answer.error() {
            reply::set(&mut response, "x-amzn-errortype", name);
        }
        Ok(response)
    }
}

fn parse<T: DeserializeOwned>(input: Value) -> Result<T, Refusal> {
    serde_json::from_value(input).map_err(|error| Refusal::Malformed(error.to_string()))
}

/// The registry that a call is about: `registryId`, or the caller's own.
fn addressed(caller: Registry, input: &Value) -> Result<Registry, Refusal> {
    let Some(account) = input.get("registryId").and_then(Value::as_str) else {
        return Ok(caller);
    };
    let account = account
        .parse()
        .map_err(|error: steward_core::NameError| Refusal::Parameter {
            at: "registryId",
            reason: error.to_string(),
        })?;
    Ok(Registry::new(account, caller.region))
}

/// Fails where the emulator did not do what it was told; its refusals are passed on in its words.
fn passed(answer: super::upstream::ApiAnswer, what: &str) -> Result<Value, Refusal> {
    Ok(answer.success(what)?)
}

/// Who calls: the accounts behind access keys.
#[derive(Debug, Default)]
pub(crate) struct Callers(Mutex<HashMap<String, AccountId>>);

impl Callers {
    /// The caller's account, and the Region that it signed for.
    async fn registry(&self, shared: &Shared, headers: &HeaderMap) -> Result<Registry, Refusal> {
        let (key, region) = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| credential(value.to_str().ok()?))
            .ok_or(Refusal::Unauthenticated)?;
        if let Ok(account) = key.parse() {
            return Ok(Registry::new(account, region));
        }
        let known = {
            let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            accounts.get(&key).cloned()
        };
        let account = match known {
            Some(account) => account,
            None => {
                let account = ask(shared, headers).await?;
                let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                if accounts.len() >= 10_000 {
                    accounts.clear();
                }
                accounts.insert(key, account.clone());
                account
            }
        };
        Ok(Registry::new(account, region))
    }
}

/// Access key and Region of a signature's credential scope:
/// `Credential=<key>/<date>/<region>/<service>/aws4_request`.
fn credential(authorization: &str) -> Option<(String, Region)> {
    let (_, scope) = authorization.split_once("Credential=")?;
    let mut parts = scope.split('/');
    let (key, _date, region) = (parts.next()?, parts.next()?, parts.next()?);
    Some((key.to_owned(), region.parse().ok()?))
}

/// Asks the emulator whose credentials these are: it knows the sessions of its own STS.
async fn ask(shared: &Shared, headers: &HeaderMap) -> Result<AccountId, Refusal> {
    let mut sent = HeaderMap::new();
    let names = [
        header::AUTHORIZATION,
        HeaderName::from_static("x-amz-security-token"),
        HeaderName::from_static("x-amz-date"),
    ];
    for name in names {
        if let Some(value) = headers.get(&name) {
            sent.insert(name, value.clone());
        }
    }
    let what = "DescribeRegistry";
    if let Ok(target) = format!("{ECR_TARGET}{what}").parse() {
        sent.insert("x-amz-target", target);
    }
    let (status, bytes) = shared
        .images
        .upstream
        .api_raw(what, sent, Bytes::from_static(b"{}"))
        .await?;
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let account = body.get("registryId").and_then(Value::as_str);
    match account.map(str::parse) {
        Some(Ok(account)) if status == StatusCode::OK => Ok(account),
        _ => Err(UpstreamError::Status {
            what: what.to_owned(),
            status,
            body: body.to_string(),
        }
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credential_scope_tells_key_and_region() {
        let (key, region) = credential(
            "AWS4-HMAC-SHA256 Credential=111122223333/20261123/eu-west-1/ecr/aws4_request, \
             SignedHeaders=host, Signature=00",
        )
        .unwrap();
        assert_eq!(key, "111122223333");
        assert_eq!(region.as_str(), "eu-west-1");
        assert_eq!(credential("Basic QVdTOng="), None);
        assert_eq!(credential("AWS4-HMAC-SHA256 Credential=a/b"), None);
    }

    #[test]
    fn a_registry_id_addresses_another_account() {
        let caller = Registry::new(
            "111122223333".parse().unwrap(),
            "eu-west-1".parse().unwrap(),
        );
        let other = addressed(caller.clone(), &json!({"registryId": "444455556666"})).unwrap();
        assert_eq!(other.account.as_str(), "444455556666");
        assert_eq!(other.region, caller.region);
        assert_eq!(addressed(caller.clone(), &json!({})).unwrap(), caller);
        addressed(caller, &json!({"registryId": "4"})).unwrap_err();
    }
}

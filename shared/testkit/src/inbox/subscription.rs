//! Confirms a subscription as a subscriber does: by visiting the address in the request. The
//! address is somebody's claim, so only addresses of this machine are visited.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

/// A local emulator answers at once.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Whether the address is plain HTTP on a loopback address or `localhost`.
///
/// # Errors
/// Why it is not visited.
pub(crate) fn check(subscribe_url: &str) -> Result<Url, String> {
    let url =
        Url::parse(subscribe_url).map_err(|error| format!("SubscribeURL is no URL: {error}"))?;
    let loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() != "http" || !loopback {
        return Err("SubscribeURL is not http on a loopback address; it is not visited".to_owned());
    }
    Ok(url)
}

/// Visits a checked address; no redirect is followed.
///
/// # Errors
/// What went wrong, for a person.
pub(crate) async fn visit(url: &Url) -> Result<(), String> {
    tokio::time::timeout(TIMEOUT, get(url))
        .await
        .map_err(|_| "SubscribeURL did not answer in time".to_owned())?
}

async fn get(url: &Url) -> Result<(), String> {
    let mut target = url.path().to_owned();
    if let Some(query) = url.query() {
        target.push('?');
        target.push_str(query);
    }
    let authority = url.authority();
    let mut request = Request::get(target).header(header::HOST, authority);
    if let Some(scope) = scope(url) {
        request = request.header(header::AUTHORIZATION, scope);
    }
    let request = request
        .body(Body::empty())
        .map_err(|error| format!("SubscribeURL makes no request: {error}"))?;
    let stream = connect(url).await?;
    let failed = |error: hyper::Error| format!("SubscribeURL cannot be visited: {error}");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let driver = tokio::spawn(connection);
    let status = sender.send_request(request).await.map_err(failed)?.status();
    driver.abort();
    if status.is_success() {
        Ok(())
    } else {
        Err(format!("SubscribeURL answered {status}"))
    }
}

/// The scope of a signature, without one. SNS has its Region in the host name of the address; the
/// emulator has one address for all Regions and accounts and finds them here.
fn scope(url: &Url) -> Option<String> {
    let (_, topic) = url.query_pairs().find(|(name, _)| name == "TopicArn")?;
    let parts: Vec<&str> = topic.split(':').collect();
    let [_, _, "sns", region, account, _] = parts.as_slice() else {
        return None;
    };
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    (plain(region) && plain(account)).then(|| {
        format!(
            "AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/sns/aws4_request, \
             SignedHeaders=host, Signature=0"
        )
    })
}

async fn connect(url: &Url) -> Result<TcpStream, String> {
    // A name is resolved here, and only what is loopback then is connected to.
    let addresses: Vec<SocketAddr> = url
        .socket_addrs(|| Some(80))
        .map_err(|error| format!("SubscribeURL cannot be resolved: {error}"))?
        .into_iter()
        .filter(|address| address.ip().is_loopback())
        .collect();
    let mut last = "SubscribeURL resolves to no loopback address".to_owned();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = format!("SubscribeURL cannot be reached at {address}: {error}"),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_and_account_of_the_topic_are_named() {
        let of = |topic: &str| {
            scope(
                &check(&format!("http://localhost:1/?TopicArn={topic}"))
                    .expect("a loopback address"),
            )
        };
        let scope = of("arn:aws:sns:eu-west-1:111122223333:security").expect("a topic");
        assert!(
            scope.contains("Credential=111122223333/20260101/eu-west-1/sns/"),
            "{scope}"
        );
        for topic in [
            "",
            "security",
            "arn:aws:sns:eu-west-1::x",
            "arn:aws:sqs:a:b:c",
            "a:b:sns:a/b:%0d%0a:x",
        ] {
            assert_eq!(of(topic), None, "{topic}");
        }
    }

    #[test]
    fn only_this_machine_is_visited() {
        for url in [
            "http://127.0.0.1:4566/?Action=ConfirmSubscription",
            "http://localhost:1/",
            "http://[::1]:2/",
        ] {
            assert!(check(url).is_ok(), "{url}");
        }
        for url in [
            "https://127.0.0.1/",
            "http://169.254.169.254/latest",
            "http://localhost.example.com/",
            "http://127.0.0.1@example.com/",
            "http://0.0.0.0/",
            "file:///etc/passwd",
            "nonsense",
        ] {
            assert!(check(url).is_err(), "{url}");
        }
    }
}

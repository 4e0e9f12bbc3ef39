use std::fmt;
use std::str::FromStr;

use url::Url;

use super::SecretRef;

/// The address of a webhook: written in the policy, or kept as a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The address itself: `https`, or `http` to this machine.
    Url(Url),
    /// Where the address is kept.
    Secret(SecretRef),
}

/// A text that is neither an address nor a secret reference. It does not repeat the text, because
/// the address of a webhook is often a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL at all.
    #[error("is neither a URL nor a secret reference")]
    Text,
    /// Another scheme than `https`, or `http` to another machine.
    #[error("must be an `https` address (`http` only to a loopback address)")]
    Scheme,
    /// A user name or password in the address.
    #[error("must not hold a user name or password: use a header from a secret")]
    UserInfo,
    /// Longer than 2,048 bytes.
    #[error("is longer than 2048 characters")]
    TooLong,
    /// A broken secret reference.
    #[error("is not a secret reference")]
    Secret(#[source] super::SecretRefError),
}

impl Endpoint {
    /// What a valid endpoint looks like.
    pub const EXPECTED: &str =
        "an `https://` URL, `secretsmanager:NAME`, `secretsmanager:NAME#json-key` or `ssm:NAME`";

    /// The host of a literal address, for messages; the path may be a secret.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Url(url) => url.host_str(),
            Self::Secret(_) => None,
        }
    }
}

/// Checks the address of a webhook, wherever it came from: `https`, or `http` to this machine, and
/// no user name or password in it.
///
/// # Errors
///
/// When it is another kind of address. The error does not repeat the address.
pub fn parse_webhook_url(text: &str) -> Result<Url, EndpointError> {
    if text.len() > 2048 {
        return Err(EndpointError::TooLong);
    }
    let url = Url::parse(text).map_err(|_| EndpointError::Text)?;
    let loopback = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => return Err(EndpointError::Text),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return Err(EndpointError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EndpointError::UserInfo);
    }
    Ok(url)
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        if SecretRef::looks_like(s) {
            s.parse().map(Self::Secret).map_err(EndpointError::Secret)
        } else {
            parse_webhook_url(s).map(Self::Url)
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => {
                write!(
                    f,
                    "{}://{}/…",
                    url.scheme(),
                    url.host_str().unwrap_or_default()
                )
            }
            Self::Secret(secret) => write!(f, "{secret}"),
        }
    }
}

/// The value of a header: written in the policy, or kept as a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderSource {
    /// The value itself; nothing secret.
    Text(String),
    /// Where the value is kept.
    Secret(SecretRef),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_everywhere_and_http_to_this_machine() {
        for text in [
            "https://hooks.example.com/T0/B0/x",
            "http://127.0.0.1:8080/hook",
            "http://localhost/hook",
            "http://[::1]:9/",
        ] {
            assert!(matches!(text.parse(), Ok(Endpoint::Url(_))), "{text}");
        }
        let error = |text: &str| text.parse::<Endpoint>().unwrap_err();
        assert_eq!(error("http://hooks.example.com/x"), EndpointError::Scheme);
        assert_eq!(
            error("http://127.0.0.1.example.com/x"),
            EndpointError::Scheme
        );
        assert_eq!(error("ftp://127.0.0.1/x"), EndpointError::Scheme);
        assert_eq!(
            error("https://user:pw@example.com/"),
            EndpointError::UserInfo
        );
        assert_eq!(error("hooks.example.com"), EndpointError::Text);
        assert!(matches!(error("ssm:"), EndpointError::Secret(_)));
    }

    #[test]
    fn the_path_of_an_address_stays_out_of_logs() {
        let endpoint: Endpoint = "https://hooks.example.com/T0/B0/secret".parse().unwrap();
        assert_eq!(format!("{endpoint:?}"), "https://hooks.example.com/…");
        let secret: Endpoint = "secretsmanager:steward/slack".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "secretsmanager:steward/slack");
    }
}

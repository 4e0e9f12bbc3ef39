//! Where the requests for a registry go.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderValue;
use steward_core::RegistryHost;
use url::{Host, Url};

use crate::address;
use crate::error::{BoxError, RegistryError};

/// Other addresses for registries, as in `STEWARD_REGISTRY_ENDPOINTS`: a comma list of
/// `pattern=address`, such as `*.dkr.ecr.*.amazonaws.com=http://127.0.0.1:4510`. `*` in a pattern
/// stands for any text; the first pattern that matches the registry (`host[:port]`) wins. Requests
/// go to the address, and the `Host` header keeps the registry's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointOverrides(Vec<(String, Url)>);

/// What is wrong with a list of endpoint overrides.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointOverridesError {
    /// An entry without `=`.
    #[error("{0:?} is not an endpoint override: expected pattern=http://host:port")]
    Shape(String),
    /// A pattern that no registry can match.
    #[error("{0:?} is not a registry pattern: expected a lower-case host name with optional '*'")]
    Pattern(String),
    /// An address that is not `http://host[:port]` or `https://host[:port]`.
    #[error("{0:?} is not an endpoint: expected http://host:port or https://host:port")]
    Address(String),
}

impl EndpointOverrides {
    /// The address to use for a registry, where one is named.
    #[must_use]
    pub fn find(&self, host: &RegistryHost) -> Option<&Url> {
        self.0
            .iter()
            .find(|(pattern, _)| matches(pattern, host.as_str()))
            .map(|(_, url)| url)
    }

    /// Whether no registry has another address.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for EndpointOverrides {
    type Err = EndpointOverridesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(|entry| {
                let (pattern, address) = entry
                    .split_once('=')
                    .ok_or_else(|| EndpointOverridesError::Shape(entry.to_owned()))?;
                let pattern = pattern.trim();
                let is_pattern = !pattern.is_empty()
                    && pattern.bytes().all(|b| {
                        b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.*:[]".contains(&b)
                    });
                if !is_pattern {
                    return Err(EndpointOverridesError::Pattern(pattern.to_owned()));
                }
                Ok((pattern.to_owned(), origin(address.trim())?))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for EndpointOverrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (pattern, url)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{pattern}={}", url.as_str().trim_end_matches('/'))?;
        }
        Ok(())
    }
}

fn origin(text: &str) -> Result<Url, EndpointOverridesError> {
    let error = || EndpointOverridesError::Address(text.to_owned());
    let url = Url::parse(text).map_err(|_| error())?;
    let bare = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    if bare { Ok(url) } else { Err(error()) }
}

/// Whether `pattern`, in which `*` stands for any text, covers all of `text`.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        let Some(at) = text.find(part) else {
            return false;
        };
        text = text.get(at + part.len()..).unwrap_or_default();
    }
    true
}

/// What is known about a registry from its name, before the first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A private ECR registry.
    Ecr,
    /// Azure: limits the body of one request to about 20 MB, so blobs go up in parts.
    Azure,
    /// Answers a mount without a known source with an upload session even where the blob exists.
    NoMountProbe,
    /// CNCF Distribution and everything that behaves like it.
    Distribution,
}

impl Kind {
    fn of(host: &RegistryHost) -> Self {
        let name = host.host();
        if host.ecr().is_some() {
            Self::Ecr
        } else if name.ends_with(".azurecr.io") || name.ends_with(".azurecr.cn") {
            Self::Azure
        } else if name == "ghcr.io"
            || name == "quay.io"
            || name == "gcr.io"
            || name.ends_with(".gcr.io")
            || name.ends_with(".pkg.dev")
            || name == "public.ecr.aws"
        {
            Self::NoMountProbe
        } else {
            Self::Distribution
        }
    }
}

/// A registry and the address its requests go to.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) host: RegistryHost,
    /// Scheme, host and port; the path is `/`.
    pub(crate) base: Url,
    /// The registry's name, where `base` does not already say it.
    pub(crate) host_header: Option<HeaderValue>,
    /// Whether `base` is this very machine: then addresses of this machine are no danger.
    pub(crate) local: bool,
    pub(crate) kind: Kind,
    /// Hosts that the registry may point to although they are in a private network.
    trusted: Vec<RegistryHost>,
}

impl Endpoint {
    pub(crate) fn of(
        host: &RegistryHost,
        overrides: &EndpointOverrides,
        insecure: &[RegistryHost],
        trusted: &[RegistryHost],
    ) -> Result<Self, RegistryError> {
        let setup = |e: BoxError| RegistryError::Setup(e);
        let kind = Kind::of(host);
        let trusted = trusted.to_vec();
        if let Some(base) = overrides.find(host) {
            let name = HeaderValue::from_str(host.as_str()).map_err(|e| setup(e.into()))?;
            return Ok(Self {
                host: host.clone(),
                base: base.clone(),
                host_header: Some(name),
                local: is_local(base),
                kind,
                trusted,
            });
        }
        let scheme = if host.is_loopback() || insecure.contains(host) {
            "http"
        } else {
            "https"
        };
        // Docker Hub is named by a host that serves web pages; its registry has another name.
        let authority = match host.as_str() {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            name => name,
        };
        let base = Url::parse(&format!("{scheme}://{authority}/")).map_err(|e| setup(e.into()))?;
        Ok(Self {
            host: host.clone(),
            local: is_local(&base),
            base,
            host_header: None,
            kind,
            trusted,
        })
    }

    #[cfg(test)]
    pub(crate) fn taken_for_remote(&self) -> Self {
        Self {
            local: false,
            ..self.clone()
        }
    }

    /// Whether requests go to Docker Hub, where a name without a slash lives below `library/`.
    pub(crate) fn is_docker_hub(&self) -> bool {
        matches!(
            self.host.as_str(),
            "docker.io" | "index.docker.io" | "registry-1.docker.io"
        )
    }

    /// An address that the registry gave, as this client has to call it: a registry reached by
    /// another address than its name still speaks of itself by its name.
    pub(crate) fn localise(&self, mut url: Url) -> Url {
        if self.host_header.is_none() {
            return url;
        }
        let named = Url::parse(&format!("{}://{}/", url.scheme(), self.host));
        if named.is_ok_and(|named| named.origin() == url.origin())
            && url.set_scheme(self.base.scheme()).is_ok()
            && url.set_host(self.base.host_str()).is_ok()
        {
            let _ = url.set_port(self.base.port());
        }
        url
    }

    /// Whether the user named the address's host as one to trust.
    pub(crate) fn trusts(&self, url: &Url) -> bool {
        self.trusted.iter().any(|host| {
            url.host_str() == Some(host.host())
                && host
                    .port()
                    .is_none_or(|port| url.port_or_known_default() == Some(port))
        })
    }

    /// Whether an address belongs to the registry itself: same scheme, host and port.
    pub(crate) fn owns(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => address::is_loopback(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => address::is_loopback(IpAddr::V6(ip)),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> RegistryHost {
        text.parse().unwrap()
    }

    fn endpoint(name: &str, overrides: &str) -> Endpoint {
        Endpoint::of(&host(name), &overrides.parse().unwrap(), &[], &[]).unwrap()
    }

    #[test]
    fn overrides_match_by_pattern_and_the_first_wins() {
        let overrides: EndpointOverrides =
            "mirror.example.com=http://127.0.0.1:5000, *.dkr.ecr.*.amazonaws.com=http://127.0.0.1:4510,*=https://127.0.0.1:1"
                .parse()
                .unwrap();
        let find = |name| overrides.find(&host(name)).unwrap().port();
        assert_eq!(find("mirror.example.com"), Some(5000));
        assert_eq!(
            find("111122223333.dkr.ecr.eu-west-1.amazonaws.com"),
            Some(4510)
        );
        assert_eq!(find("mirror.example.com:8443"), Some(1));
        assert_eq!(
            "".parse::<EndpointOverrides>().unwrap(),
            EndpointOverrides::default()
        );
    }

    #[test]
    fn overrides_read_back_as_written() {
        let text = "a.example.com=http://127.0.0.1:5000,*.b=https://localhost:1";
        let overrides: EndpointOverrides = text.parse().unwrap();
        assert_eq!(overrides.to_string(), text);
    }

    #[test]
    fn broken_overrides_say_what_is_expected() {
        for (text, expected) in [
            ("mirror.example.com", "pattern=http://host:port"),
            ("=http://127.0.0.1:1", "lower-case host name"),
            ("A=http://127.0.0.1:1", "lower-case host name"),
            ("a=127.0.0.1:1", "http://host:port"),
            ("a=ftp://127.0.0.1:1", "http://host:port"),
            ("a=http://u:p@127.0.0.1:1", "http://host:port"),
            ("a=http://127.0.0.1:1/v2", "http://host:port"),
        ] {
            let error = text.parse::<EndpointOverrides>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn patterns_cover_the_whole_name() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "acb", false),
            ("*.b.*.d", "a.b.c.d", true),
            ("*.b.*.d", "a.b.d", false),
            ("a*a", "a", false),
            ("**b", "ab", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_and_for_hosts_that_were_named() {
        for (name, base) in [
            ("ghcr.io", "https://ghcr.io/"),
            ("127.0.0.1:5000", "http://127.0.0.1:5000/"),
            ("[::1]:5000", "http://[::1]:5000/"),
            ("localhost:5000", "http://localhost:5000/"),
            ("10.0.0.1:5000", "https://10.0.0.1:5000/"),
            ("docker.io", "https://registry-1.docker.io/"),
        ] {
            assert_eq!(endpoint(name, "").base.as_str(), base);
        }
        let named = host("registry.example.com:5000");
        let endpoint = Endpoint::of(
            &named,
            &EndpointOverrides::default(),
            std::slice::from_ref(&named),
            &[],
        )
        .unwrap();
        assert_eq!(endpoint.base.as_str(), "http://registry.example.com:5000/");
    }

    #[test]
    fn a_registry_that_speaks_of_itself_by_name_is_called_at_its_address() {
        let endpoint = endpoint("mirror.example.com", "*=http://127.0.0.1:5000");
        let localised = |text: &str| endpoint.localise(Url::parse(text).unwrap()).to_string();
        assert_eq!(
            localised("http://mirror.example.com/v2/a/?_state=x"),
            "http://127.0.0.1:5000/v2/a/?_state=x"
        );
        assert_eq!(
            localised("https://mirror.example.com/v2/a/"),
            "http://127.0.0.1:5000/v2/a/"
        );
        assert_eq!(
            localised("http://other.example.com/v2/"),
            "http://other.example.com/v2/"
        );
    }

    #[test]
    fn the_kind_of_registry_follows_from_its_name() {
        for (name, kind) in [
            ("111122223333.dkr.ecr.eu-west-1.amazonaws.com", Kind::Ecr),
            ("acme.azurecr.io", Kind::Azure),
            ("europe-docker.pkg.dev", Kind::NoMountProbe),
            ("ghcr.io", Kind::NoMountProbe),
            ("mirror.example.com", Kind::Distribution),
        ] {
            assert_eq!(Kind::of(&host(name)), kind, "{name}");
        }
    }
}

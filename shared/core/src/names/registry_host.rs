use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use super::{EcrHost, NameError, string_name};

/// A registry's address: a host name or IP address with an optional port, in lower case, such as
/// `ghcr.io`, `127.0.0.1:5000`, `[::1]:5000` or `111122223333.dkr.ecr.eu-west-1.amazonaws.com`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryHost(Arc<str>);

impl RegistryHost {
    fn check(s: &str) -> Result<(), NameError> {
        let error = |reason| NameError::new("registry", s, reason);
        if s.contains("://") {
            return Err(error(
                "expected host[:port] without a scheme such as https://",
            ));
        }
        if s.is_empty() || s.len() > 253 + 6 {
            return Err(error("expected host[:port] of at most 259 characters"));
        }
        let (host, port) = split_port(s);
        if let Some(port) = port
            && port.parse::<u16>().ok().filter(|p| *p != 0).is_none()
        {
            return Err(error("expected a port from 1 to 65535 behind the colon"));
        }
        if let Some(v6) = host.strip_prefix('[') {
            let v6 = v6.strip_suffix(']').unwrap_or_default();
            return if v6.parse::<Ipv6Addr>().is_ok() {
                Ok(())
            } else {
                Err(error("expected an IPv6 address in the brackets"))
            };
        }
        let is_label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if host.split('.').all(is_label) {
            Ok(())
        } else {
            Err(error(
                "expected a lower-case host name, such as registry.example.com:5000",
            ))
        }
    }

    /// The host without the port; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        split_port(&self.0)
            .0
            .trim_start_matches('[')
            .trim_end_matches(']')
    }

    /// The port, where one is named.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        split_port(&self.0).1.and_then(|port| port.parse().ok())
    }

    /// Whether the address can only mean this machine: `localhost` or a loopback IP address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The account and Region, where this is a private ECR registry.
    #[must_use]
    pub fn ecr(&self) -> Option<EcrHost> {
        if self.port().is_some_and(|port| port != 443) {
            return None;
        }
        EcrHost::parse(self.host())
    }
}

/// Splits `host[:port]`, with regard to `[v6]:port`.
fn split_port(s: &str) -> (&str, Option<&str>) {
    match s.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (s, None),
    }
}

string_name!(RegistryHost);

//! Addresses that a registry hands out: where they may lead, and whether credentials go along.
//!
//! Every rule here answers an advisory: credentials sent to the host of a redirect or of an upload
//! location, layers uploaded into internal services, listings that page through other hosts.

use std::net::IpAddr;

use url::{Host, Url};

use crate::address::Reach;
use crate::endpoint::Endpoint;
use crate::error::{RegistryError, redacted};

/// An address to send a request to.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    pub(crate) url: Url,
    /// Whether this is the registry itself, so that credentials may go along.
    pub(crate) own: bool,
    /// Which network addresses the name may resolve to.
    pub(crate) reach: Reach,
}

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Data is read from there.
    Read,
    /// Data is sent there.
    Upload,
    /// Credentials are sent there for a token.
    Realm,
}

impl Hop {
    /// The registry's own address for a path below `/v2/`.
    pub(crate) fn to(endpoint: &Endpoint, path_and_query: &str) -> Result<Self, RegistryError> {
        let url = endpoint
            .base
            .join(path_and_query)
            .map_err(|e| RegistryError::Setup(e.into()))?;
        Ok(Self {
            url,
            own: true,
            reach: Reach::Anywhere,
        })
    }

    /// The address that `location`, found in the reply to a request to `from`, leads to.
    pub(crate) fn follow(
        endpoint: &Endpoint,
        from: &Url,
        location: &str,
        purpose: Purpose,
    ) -> Result<Self, RegistryError> {
        let joined = from.join(location).map_err(|_| RegistryError::UnsafeUrl {
            url: crate::error::printable(location.split('?').next().unwrap_or_default()),
            reason: "it is not an address",
        })?;
        let mut url = endpoint.localise(joined);
        url.set_fragment(None);
        let refuse = |reason| {
            Err(RegistryError::UnsafeUrl {
                url: redacted(&url),
                reason,
            })
        };
        if !matches!(url.scheme(), "http" | "https") {
            return refuse("it is neither http nor https");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("it carries user information");
        }
        if url.scheme() == "http" && (endpoint.base.scheme() == "https" || from.scheme() == "https")
        {
            return refuse("it leads from https to plain http");
        }
        if endpoint.owns(&url) {
            return Ok(Self {
                url,
                own: true,
                reach: Reach::Anywhere,
            });
        }
        let same_host = url.host() == endpoint.base.host();
        let reach = if endpoint.local
            || endpoint.trusts(&url)
            || (same_host && purpose == Purpose::Realm)
        {
            Reach::Anywhere
        } else if purpose == Purpose::Read {
            Reach::NotThisMachine
        } else {
            Reach::Public
        };
        if let Some(ip) = literal(&url) {
            // A name may lead to a private blob store; an address written out has no such excuse.
            let allowed = reach == Reach::Anywhere || Reach::Public.allows(ip);
            if !allowed {
                return refuse("it leads to an address that is not on the public internet");
            }
        }
        Ok(Self {
            url,
            own: false,
            reach,
        })
    }

    /// The next page of a listing: only ever on the registry itself.
    pub(crate) fn next_page(
        endpoint: &Endpoint,
        from: &Url,
        link: &str,
    ) -> Result<Self, RegistryError> {
        let hop = Self::follow(endpoint, from, link, Purpose::Read)?;
        if hop.own {
            Ok(hop)
        } else {
            Err(RegistryError::UnsafeUrl {
                url: redacted(&hop.url),
                reason: "a listing continues on another host",
            })
        }
    }
}

/// The IP address that an address names, in whatever spelling; the parser has normalised it.
pub(crate) fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
        Host::Domain(_) => None,
    }
}

/// The target of the `next` relation of a `Link` header, as the distribution specification writes
/// it: `</v2/a/tags/list?n=2&last=b>; rel="next"`.
pub(crate) fn next_link(header: &str) -> Option<&str> {
    header.split(',').find_map(|link| {
        let (target, params) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = params.split(';').any(|param| {
            matches!(
                param.trim().to_ascii_lowercase().as_str(),
                r#"rel="next""# | "rel=next"
            )
        });
        is_next.then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str, overrides: &str) -> Endpoint {
        Endpoint::of(
            &host.parse().unwrap(),
            &overrides.parse().unwrap(),
            &[],
            &[],
        )
        .unwrap()
    }

    fn follow(host: &str, location: &str, purpose: Purpose) -> Result<Hop, RegistryError> {
        let endpoint = endpoint(host, "");
        let from = endpoint.base.join("v2/a/blobs/uploads/").unwrap();
        Hop::follow(&endpoint, &from, location, purpose)
    }

    const HOST: &str = "registry.example.com";

    #[test]
    fn addresses_of_the_registry_itself_keep_the_credentials() {
        for (location, expected) in [
            (
                "/v2/a/x?_state=1",
                "https://registry.example.com/v2/a/x?_state=1",
            ),
            ("x", "https://registry.example.com/v2/a/blobs/uploads/x"),
            (
                "https://REGISTRY.example.com:443/v2/y",
                "https://registry.example.com/v2/y",
            ),
            ("//registry.example.com/z", "https://registry.example.com/z"),
        ] {
            let hop = follow(HOST, location, Purpose::Upload).unwrap();
            assert!(hop.own, "{location}");
            assert_eq!(hop.url.as_str(), expected);
        }
    }

    #[test]
    fn another_host_or_port_never_gets_the_credentials() {
        for location in [
            "https://registry.example.com:8443/v2/a/x",
            "https://other.example.com/v2/a/x",
            "https://registry.example.com.evil.example/x",
            "//other.example.com/x",
            "\\\\other.example.com/x",
        ] {
            for purpose in [Purpose::Read, Purpose::Upload, Purpose::Realm] {
                let hop = follow(HOST, location, purpose).unwrap();
                assert!(!hop.own, "{location}");
                let expected = if purpose == Purpose::Read {
                    Reach::NotThisMachine
                } else {
                    Reach::Public
                };
                if !location.contains(":8443") {
                    assert_eq!(hop.reach, expected, "{location}");
                }
            }
        }
    }

    #[test]
    fn unsafe_addresses_are_refused_for_every_purpose() {
        for location in [
            "http://registry.example.com/v2/a/x",
            "http://other.example.com/x",
            "https://user@other.example.com/x",
            "https://user:secret@registry.example.com/x",
            "ftp://other.example.com/x",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://127.0.0.1/x",
            "https://2130706433/x",
            "https://0x7f.1/x",
            "https://0/x",
            "https://169.254.169.254/latest/meta-data",
            "https://0251.0376.0251.0376/",
            "https://10.1.2.3/x",
            "https://[::1]/x",
            "https://[::ffff:169.254.169.254]/x",
            "https://",
        ] {
            for purpose in [Purpose::Read, Purpose::Upload, Purpose::Realm] {
                let error = follow(HOST, location, purpose).unwrap_err();
                assert!(
                    matches!(error, RegistryError::UnsafeUrl { .. }),
                    "{location}: {error}"
                );
                assert!(!error.to_string().contains("secret"), "{error}");
            }
        }
    }

    #[test]
    fn a_registry_on_this_machine_may_speak_of_this_machine() {
        let hop = follow("127.0.0.1:5000", "http://127.0.0.1:5001/x", Purpose::Upload).unwrap();
        assert!(!hop.own, "another port is another origin");
        assert_eq!(hop.reach, Reach::Anywhere);
    }

    #[test]
    fn a_realm_on_the_registrys_own_name_may_be_private() {
        let hop = follow(HOST, "https://registry.example.com:5001/t", Purpose::Realm).unwrap();
        assert_eq!(hop.reach, Reach::Anywhere);
        let hop = follow(HOST, "https://registry.example.com:5001/t", Purpose::Upload).unwrap();
        assert_eq!(hop.reach, Reach::Public);
    }

    #[test]
    fn a_listing_continues_on_the_registry_or_not_at_all() {
        let endpoint = endpoint(HOST, "");
        let from = endpoint.base.join("v2/a/tags/list").unwrap();
        assert!(Hop::next_page(&endpoint, &from, "/v2/a/tags/list?last=b").is_ok());
        assert!(Hop::next_page(&endpoint, &from, "https://other.example.com/v2/").is_err());
    }

    #[test]
    fn the_next_link_is_found() {
        for (header, expected) in [
            (
                r#"</v2/a/tags/list?n=2&last=b>; rel="next""#,
                Some("/v2/a/tags/list?n=2&last=b"),
            ),
            ("<x>; rel=next", Some("x")),
            (r#"<p>; rel="prev", <n>; rel="next""#, Some("n")),
            (r#"<p>; rel="prev""#, None),
            ("rel=next", None),
            ("", None),
        ] {
            assert_eq!(next_link(header), expected, "{header}");
        }
    }
}

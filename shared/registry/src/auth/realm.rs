//! Where credentials may go for a token.

use url::Url;

use crate::endpoint::Endpoint;
use crate::error::{RegistryError, printable};
use crate::origin::{Hop, Purpose};

/// The token service that a challenge names, where credentials may go there.
pub(crate) fn checked(endpoint: &Endpoint, realm: &str) -> Result<Hop, RegistryError> {
    // A realm is an address of its own: one that only makes sense relative to something is a trick.
    if Url::parse(realm).is_err() {
        return Err(RegistryError::UnsafeUrl {
            url: printable(realm.split('?').next().unwrap_or_default()),
            reason: "a token service needs a full address",
        });
    }
    Hop::follow(endpoint, &endpoint.base, realm, Purpose::Realm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Reach;

    fn check(host: &str, realm: &str) -> Result<Hop, RegistryError> {
        let endpoint =
            Endpoint::of(&host.parse().unwrap(), &"".parse().unwrap(), &[], &[]).unwrap();
        checked(&endpoint, realm)
    }

    #[test]
    fn tricks_of_a_realm_are_refused() {
        for realm in [
            "http://169.254.169.254/latest/meta-data",
            "https://169.254.169.254/",
            "https://2852039166/",
            "https://0xa9fea9fe/",
            "https://[::ffff:169.254.169.254]/",
            "https://0.0.0.0/",
            "https://0/",
            "https://127.1/",
            "https://10.0.0.1/",
            "https://192.168.0.1/token",
            "http://auth.example.com/token",
            "https://user:pass@auth.example.com/token",
            "https:///token?x",
            "token",
            "//auth.example.com/token",
            "",
            "file:///etc/passwd",
        ] {
            match check("registry.example.com", realm) {
                // The parser reads `https:///token` as the host `token`, whose name is checked when
                // it is resolved.
                Ok(hop) => assert!(
                    hop.reach == Reach::Public && crate::origin::literal(&hop.url).is_none(),
                    "{realm} is allowed as {}",
                    hop.url
                ),
                Err(error) => assert!(!error.is_transient(), "{realm}: {error}"),
            }
        }
    }

    #[test]
    fn a_public_token_service_is_fine() {
        let hop = check("registry.example.com", "https://auth.example.com/token").unwrap();
        assert!(!hop.own);
        assert_eq!(hop.reach, Reach::Public);
    }

    #[test]
    fn a_local_registry_may_have_a_local_token_service() {
        assert!(check("127.0.0.1:5000", "http://127.0.0.1:5001/token").is_ok());
    }
}

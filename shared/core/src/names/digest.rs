use std::sync::Arc;

use super::{NameError, string_name};

/// A content digest: `sha256:` with 64, or `sha512:` with 128, lower-case hexadecimal digits.
///
/// Strict on purpose: a digest becomes part of URLs and of paths, and a loose one has been a way
/// into other repositories (CVE-2024-3727).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Arc<str>);

/// The hash behind a [`Digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestAlgorithm {
    /// SHA-256, the only one that ECR makes.
    Sha256,
    /// SHA-512, which OCI registers as well.
    Sha512,
}

impl Digest {
    fn check(s: &str) -> Result<(), NameError> {
        let error = || {
            NameError::new(
                "digest",
                s,
                "expected sha256:<64 lower-case hex digits> or sha512:<128 of them>",
            )
        };
        let (algorithm, hex) = s.split_once(':').ok_or_else(error)?;
        let wanted = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ => return Err(error()),
        };
        let is_hex = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if hex.len() == wanted && is_hex {
            Ok(())
        } else {
            Err(error())
        }
    }

    /// The digest of the SHA-256 sum `sum`.
    #[must_use]
    pub fn from_sha256(sum: &[u8; 32]) -> Self {
        Self(format!("sha256:{}", hex::encode(sum)).into())
    }

    /// Which hash made it.
    #[must_use]
    pub fn algorithm(&self) -> DigestAlgorithm {
        if self.0.starts_with("sha256:") {
            DigestAlgorithm::Sha256
        } else {
            DigestAlgorithm::Sha512
        }
    }

    /// The hexadecimal digits behind the colon.
    #[must_use]
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// The first 12 hexadecimal digits: enough for people, and short enough for a tag.
    #[must_use]
    pub fn short(&self) -> &str {
        self.hex().get(..12).unwrap_or_default()
    }

    /// The tag under which the OCI referrers tag schema keeps the referrers of this digest:
    /// `sha256-<hex>`.
    #[must_use]
    pub fn referrers_tag(&self) -> String {
        // Cut to 128 characters, as the specification says for long hashes.
        self.0
            .replacen(':', "-", 1)
            .chars()
            .take(super::Tag::MAX_LEN)
            .collect()
    }
}

string_name!(Digest);

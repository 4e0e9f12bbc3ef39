use std::collections::BTreeMap;
use std::fmt;

/// How a missing ECR repository is created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateSettings {
    /// Whether its tags cannot be moved. Default: false.
    pub immutable: bool,
    /// Tags that may be moved all the same; only beside `immutable`.
    pub immutable_except: Vec<ImmutableExcept>,
    /// Whether an image is scanned when it is pushed. Default: false.
    pub scan_on_push: bool,
    /// The KMS key that encrypts its images: an ARN, a key's id or `alias/…`; `None`: ECR's own key.
    pub kms_key: Option<String>,
    /// Its lifecycle policy, as JSON.
    pub lifecycle_policy: Option<String>,
    /// Its repository policy (who may use it), as JSON.
    pub repository_policy: Option<String>,
    /// Its resource tags.
    pub tags: BTreeMap<String, String>,
}

/// Tags that may be moved in an immutable repository: one of ECR's exclusion filters, in which `*`
/// is any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImmutableExcept(String);

impl ImmutableExcept {
    /// What a filter looks like, for messages.
    pub const EXPECTED: &str =
        "1 to 128 letters, digits and `._-` with up to two `*`, such as `latest` or `dev-*`";

    /// The most filters of a repository (API model of `CreateRepository`).
    pub const MAX: usize = 5;

    /// Reads a filter.
    ///
    /// # Errors
    ///
    /// When ECR would not take it.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let fits = (1..=128).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-*".contains(&b));
        if !fits {
            return Err("is no filter of ECR's");
        }
        if text.matches('*').count() > 2 {
            return Err("has more than two `*`");
        }
        Ok(Self(text.to_owned()))
    }

    /// The filter as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImmutableExcept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_those_that_ecr_takes() {
        for right in ["latest", "dev-*", "*-rc*", "a.b_c"] {
            assert_eq!(ImmutableExcept::new(right).unwrap().as_str(), right);
        }
        for wrong in ["", "a b", "?", "***", "[ab]", &"x".repeat(129)] {
            assert!(ImmutableExcept::new(wrong).is_err(), "{wrong}");
        }
    }
}

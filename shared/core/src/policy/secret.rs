use std::fmt;
use std::str::FromStr;

/// Where a secret is kept; a policy never holds the secret itself.
///
/// Written `secretsmanager:NAME`, `secretsmanager:NAME#json-key` or `ssm:NAME`; `NAME` may be an
/// ARN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// A secret of AWS Secrets Manager.
    SecretsManager {
        /// The secret's name or ARN.
        name: String,
        /// The key to take, where the secret is a JSON object.
        json_key: Option<String>,
    },
    /// A (secure) parameter of the Systems Manager parameter store.
    Ssm {
        /// The parameter's name or ARN.
        name: String,
    },
}

/// A text that names no secret. It does not repeat the text: that may be the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretRefError {
    /// Neither `secretsmanager:` nor `ssm:` is in front.
    #[error("not a secret reference; it is not repeated here because it may be the secret itself")]
    Scheme,
    /// The name is empty, too long, or has a character that the service does not allow.
    #[error("the name behind `{0}:` is not one that the service allows")]
    Name(&'static str),
    /// `#` with nothing behind it.
    #[error("the key behind `#` is empty")]
    JsonKey,
    /// `ssm:` with a `#key`.
    #[error("a parameter of `ssm:` has no `#key`")]
    SsmKey,
}

impl SecretRef {
    /// What a valid reference looks like.
    pub const EXPECTED: &str =
        "`secretsmanager:NAME`, `secretsmanager:NAME#json-key` or `ssm:NAME`";

    /// Whether the text is meant as a reference, right or wrong.
    #[must_use]
    pub fn looks_like(text: &str) -> bool {
        text.starts_with("secretsmanager:") || text.starts_with("ssm:")
    }
}

impl FromStr for SecretRef {
    type Err = SecretRefError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        // Name grammars: Secrets Manager CreateSecret, SSM PutParameter; an ARN adds the colon.
        let allowed = |name: &str, max: usize, extra: &str| {
            let arn = name.starts_with("arn:");
            !name.is_empty()
                && name.len() <= max
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || extra.contains(c) || (arn && c == ':'))
        };
        if let Some(rest) = s.strip_prefix("secretsmanager:") {
            let (name, key) = match rest.split_once('#') {
                Some((name, key)) => (name, Some(key)),
                None => (rest, None),
            };
            if !allowed(name, 2048, "/_+=.@-") {
                return Err(SecretRefError::Name("secretsmanager"));
            }
            if key.is_some_and(|key| key.trim().is_empty()) {
                return Err(SecretRefError::JsonKey);
            }
            Ok(Self::SecretsManager {
                name: name.to_owned(),
                json_key: key.map(str::to_owned),
            })
        } else if let Some(name) = s.strip_prefix("ssm:") {
            if name.contains('#') {
                return Err(SecretRefError::SsmKey);
            }
            if !allowed(name, 2048, "/_.-") {
                return Err(SecretRefError::Name("ssm"));
            }
            Ok(Self::Ssm {
                name: name.to_owned(),
            })
        } else {
            Err(SecretRefError::Scheme)
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretsManager {
                name,
                json_key: None,
            } => write!(f, "secretsmanager:{name}"),
            Self::SecretsManager {
                name,
                json_key: Some(key),
            } => {
                write!(f, "secretsmanager:{name}#{key}")
            }
            Self::Ssm { name } => write!(f, "ssm:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_written() {
        let arn =
            "secretsmanager:arn:aws:secretsmanager:eu-west-1:111122223333:secret:slack-AbCdEf";
        for text in [
            "secretsmanager:steward/slack",
            "secretsmanager:a#url",
            "ssm:/steward/token",
            arn,
        ] {
            let secret: SecretRef = text.parse().unwrap();
            assert_eq!(secret.to_string(), text);
        }
        assert_eq!(
            "secretsmanager:steward/ghcr#token".parse(),
            Ok(SecretRef::SecretsManager {
                name: "steward/ghcr".to_owned(),
                json_key: Some("token".to_owned())
            })
        );
    }

    #[test]
    fn other_texts_are_refused_and_not_repeated() {
        let error = |text: &str| text.parse::<SecretRef>().unwrap_err();
        assert_eq!(error("hunter2"), SecretRefError::Scheme);
        assert_eq!(
            error("secretsmanager:"),
            SecretRefError::Name("secretsmanager")
        );
        assert_eq!(
            error("secretsmanager:a b"),
            SecretRefError::Name("secretsmanager")
        );
        assert_eq!(
            error("secretsmanager:a:b"),
            SecretRefError::Name("secretsmanager")
        );
        assert_eq!(error("secretsmanager:a#"), SecretRefError::JsonKey);
        assert_eq!(error("ssm:a#b"), SecretRefError::SsmKey);
        assert_eq!(error("ssm:"), SecretRefError::Name("ssm"));
        assert!(!error("hunter2").to_string().contains("hunter2"));
    }
}

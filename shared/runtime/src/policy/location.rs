use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the policy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyLocation {
    /// A file beside the function.
    File(PathBuf),
    /// A Systems Manager parameter.
    Ssm(String),
    /// An S3 object.
    S3 {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
}

impl PolicyLocation {
    /// What a valid location looks like.
    pub const EXPECTED: &'static str = "file:<path>, ssm:<parameter name> or s3://<bucket>/<key>";
}

/// A text that is no location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no policy location (expected {expected})", expected = PolicyLocation::EXPECTED)]
pub struct NoLocation(pub String);

impl FromStr for PolicyLocation {
    type Err = NoLocation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no_location = || NoLocation(text.to_owned());
        if let Some(path) = text.strip_prefix("file:").filter(|x| !x.is_empty()) {
            return Ok(Self::File(PathBuf::from(path)));
        }
        if let Some(name) = text.strip_prefix("ssm:").filter(|x| !x.is_empty()) {
            return Ok(Self::Ssm(name.to_owned()));
        }
        let (bucket, key) = text
            .strip_prefix("s3://")
            .and_then(|x| x.split_once('/'))
            .ok_or_else(no_location)?;
        if bucket.is_empty() || key.is_empty() {
            return Err(no_location());
        }
        Ok(Self::S3 {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }
}

impl fmt::Display for PolicyLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Ssm(name) => write!(f, "ssm:{name}"),
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_read_as_they_are_written() {
        for text in [
            "file:/etc/policy.yaml",
            "ssm:/steward/policy",
            "s3://bucket/a/b.yaml",
        ] {
            assert_eq!(
                text.parse::<PolicyLocation>().map(|x| x.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn other_texts_are_refused_with_what_is_expected() {
        for text in [
            "",
            "policy.yaml",
            "file:",
            "ssm:",
            "s3://",
            "s3://bucket",
            "s3://bucket/",
            "s3:///key",
        ] {
            let error = text.parse::<PolicyLocation>().unwrap_err().to_string();
            assert!(error.contains("expected file:<path>"), "{text}: {error}");
        }
    }
}

//! Where a service is.

use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use steward_core::Region;

use super::Service;

/// The address of a service in one Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Without a slash at the end.
    pub(super) url: String,
    /// The Region that signatures name.
    pub(super) region: String,
    /// Whether the address was set, and so has no name per bucket.
    pub(super) set: bool,
}

/// Finds the address as the SDK does: the service's own setting, then the one for all services, then
/// the partition's rule. An address that the program itself set comes before both.
pub(super) fn of(service: &Service, config: &SdkConfig) -> Result<Endpoint, String> {
    let region = config
        .region()
        .ok_or("no Region; set AWS_REGION")?
        .as_ref()
        .to_owned();
    let for_all = || config.endpoint_url().map(str::to_owned);
    let set = if config.get_origin("endpoint_url").is_client_config() {
        for_all()
    } else {
        own_setting(service, config).or_else(for_all)
    };
    let (url, set) = match set {
        Some(url) => (url.trim_end_matches('/').to_owned(), true),
        None => {
            let fips = config.use_fips().unwrap_or_default();
            (by_rule(service.host, &region, fips)?, false)
        }
    };
    Ok(Endpoint { url, region, set })
}

fn own_setting(service: &Service, config: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service.id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    config.service_config()?.load_config(key)
}

/// `https://<service>.<region>.<suffix of the partition>` (AWS General Reference, "Service endpoints
/// and quotas").
fn by_rule(host: &str, region: &str, fips: bool) -> Result<String, String> {
    let parsed: Region = region
        .parse()
        .map_err(|x| format!("no endpoint for Region {region:?}: {x}"))?;
    // These services' ordinary GovCloud endpoints are the FIPS ones.
    let always =
        parsed.partition() == "aws-us-gov" && matches!(host, "dynamodb" | "events" | "sqs" | "ssm");
    let fips = if fips && !always { "-fips" } else { "" };
    Ok(format!(
        "https://{host}{fips}.{region}.{}",
        parsed.dns_suffix()
    ))
}

#[cfg(any(feature = "s3", test))]
impl Endpoint {
    /// The address of an object: the bucket is part of the host, except where the host cannot have it.
    pub(super) fn object(&self, bucket: &str, key: &str) -> Result<String, String> {
        let allowed = |x: u8| x.is_ascii_alphanumeric() || b".-_".contains(&x);
        let edges = |x: &str| x.starts_with(['.', '-']) || x.ends_with(['.', '-']);
        if !(3..=255).contains(&bucket.len()) || !bucket.bytes().all(allowed) || edges(bucket) {
            return Err(format!(
                "{bucket:?} is no bucket name: expected 3 or more letters, digits, `-` and `.`"
            ));
        }
        // URL parsers take such parts out of a path, and the signature would be of another path.
        if key.is_empty() || key.split('/').any(|x| x == "." || x == "..") {
            return Err(format!(
                "{key:?} cannot be read: expected a key without `.` and `..` as a part"
            ));
        }
        let key = encoded(key);
        // A dot would be a level that the certificate does not cover.
        let host_label = bucket
            .bytes()
            .all(|x| x.is_ascii_lowercase() || x.is_ascii_digit() || x == b'-');
        match self.url.strip_prefix("https://") {
            Some(host) if host_label && bucket.len() <= 63 && !self.set => {
                Ok(format!("https://{bucket}.{host}/{key}"))
            }
            _ => Ok(format!("{}/{bucket}/{key}", self.url)),
        }
    }
}

/// Percent-encodes all but unreserved characters and slashes, as S3 signs paths.
#[cfg(any(feature = "s3", test))]
fn encoded(key: &str) -> String {
    use std::fmt::Write;

    let mut text = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_know_partitions_and_fips() {
        for (host, region, fips, url) in [
            (
                "sqs",
                "eu-west-1",
                false,
                "https://sqs.eu-west-1.amazonaws.com",
            ),
            (
                "s3",
                "cn-north-1",
                false,
                "https://s3.cn-north-1.amazonaws.com.cn",
            ),
            (
                "events",
                "us-east-1",
                true,
                "https://events-fips.us-east-1.amazonaws.com",
            ),
            (
                "ssm",
                "us-gov-west-1",
                true,
                "https://ssm.us-gov-west-1.amazonaws.com",
            ),
            (
                "secretsmanager",
                "us-gov-west-1",
                true,
                "https://secretsmanager-fips.us-gov-west-1.amazonaws.com",
            ),
        ] {
            assert_eq!(by_rule(host, region, fips).unwrap(), url);
        }
        let error = by_rule("sqs", "example.com/", false).unwrap_err();
        assert!(error.contains("no endpoint"), "{error}");
    }

    fn at(url: &str, set: bool) -> Endpoint {
        Endpoint {
            url: url.to_owned(),
            region: "eu-west-1".to_owned(),
            set,
        }
    }

    #[test]
    fn buckets_go_into_the_host_where_it_can_have_them() {
        let s3 = at("https://s3.eu-west-1.amazonaws.com", false);
        for (bucket, key, url) in [
            (
                "bucket",
                "a/b.yaml",
                "https://bucket.s3.eu-west-1.amazonaws.com/a/b.yaml",
            ),
            (
                "my.bucket",
                "a",
                "https://s3.eu-west-1.amazonaws.com/my.bucket/a",
            ),
            (
                "Old_One",
                "a",
                "https://s3.eu-west-1.amazonaws.com/Old_One/a",
            ),
            (
                "bucket",
                "a b+ü",
                "https://bucket.s3.eu-west-1.amazonaws.com/a%20b%2B%C3%BC",
            ),
        ] {
            assert_eq!(s3.object(bucket, key).unwrap(), url);
        }
        let local = at("http://127.0.0.1:4566", true);
        assert_eq!(
            local.object("bucket", "a").unwrap(),
            "http://127.0.0.1:4566/bucket/a"
        );
    }

    #[test]
    fn names_that_would_lead_elsewhere_are_refused() {
        let s3 = at("https://s3.eu-west-1.amazonaws.com", false);
        for (bucket, key) in [
            ("evil.example.com/x", "a"),
            ("user@host", "a"),
            ("ab", "a"),
            ("..", "a"),
            ("bucket", "a/../../b"),
            ("bucket", ""),
        ] {
            assert!(s3.object(bucket, key).is_err(), "{bucket} {key}");
        }
    }
}

use proptest::prelude::*;

use super::*;

fn valid<T: std::str::FromStr>(texts: &[&str]) {
    for text in texts {
        assert!(text.parse::<T>().is_ok(), "{text:?} should be valid");
    }
}

fn invalid<T: std::str::FromStr>(texts: &[&str]) {
    for text in texts {
        assert!(text.parse::<T>().is_err(), "{text:?} should be refused");
    }
}

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn tags() {
    valid::<Tag>(&["latest", "v1.2.3", "_x", "1", "a-b.c_d", &"a".repeat(128)]);
    invalid::<Tag>(&[
        "",
        ".x",
        "-x",
        "a b",
        "a/b",
        "a:b",
        "ü",
        "a+b",
        &"a".repeat(129),
    ]);
}

#[test]
fn tag_suffix_fits() {
    let tag: Tag = "a".repeat(128).parse().unwrap();
    let cut = tag.with_suffix("-0123456789ab").unwrap();
    assert_eq!(cut.as_str().len(), 128);
    assert!(cut.as_str().ends_with("a-0123456789ab"));
    assert!(tag.with_suffix("/").is_err());
}

#[test]
fn digests() {
    valid::<Digest>(&[&format!("sha256:{HEX}"), &format!("sha512:{HEX}{HEX}")]);
    invalid::<Digest>(&[
        "",
        "sha256:",
        "sha256:abc",
        HEX,
        &format!("sha256:{}", HEX.to_uppercase()),
        &format!("md5:{HEX}"),
        &format!("sha256:{HEX}0"),
        "sha256:../../../../../../../../../../../../../../../../../../../../../",
        &format!("sha512:{HEX}"),
    ]);
    let digest: Digest = format!("sha256:{HEX}").parse().unwrap();
    assert_eq!(digest.short(), "e3b0c44298fc");
    assert_eq!(digest.hex(), HEX);
    assert_eq!(digest.referrers_tag(), format!("sha256-{HEX}"));
    let mut sum = [0; 32];
    hex::decode_to_slice(HEX, &mut sum).unwrap();
    assert_eq!(Digest::from_sha256(&sum), digest);
}

#[test]
fn repositories() {
    valid::<RepositoryName>(&["ab", "prod/app", "a/b", "a.b/c_d/e__f/g---h", "team-1/x2"]);
    invalid::<RepositoryName>(&[
        "",
        "a",
        "Prod/app",
        "/app",
        "app/",
        "a//b",
        "a..b",
        "a___b",
        "-ab",
        "ab-",
        "a._b",
        "../x",
        "a b",
        &"a".repeat(257),
    ]);
    valid::<RepositoryPath>(&["a", "library/alpine"]);
    let name: RepositoryName = "prod/team/app".parse().unwrap();
    assert_eq!((name.prefix(), name.basename()), (Some("prod/team"), "app"));
    let name: RepositoryName = "app".parse().unwrap();
    assert_eq!((name.prefix(), name.basename()), (None, "app"));
}

#[test]
fn registry_hosts() {
    valid::<RegistryHost>(&[
        "ghcr.io",
        "localhost",
        "localhost:5000",
        "127.0.0.1:1",
        "[::1]:5000",
        "[::1]",
    ]);
    invalid::<RegistryHost>(&[
        "",
        "https://ghcr.io",
        "ghcr.io:",
        "ghcr.io:0",
        "ghcr.io:65536",
        "GHCR.io",
        "a_b.c",
        "a..b",
        "user@ghcr.io",
        "ghcr.io/x",
        "[zz]",
        "[::1",
        "-a.b",
        "ghcr.io:80:80",
    ]);
    let loopback = |s: &str| s.parse::<RegistryHost>().unwrap().is_loopback();
    assert!(loopback("localhost:5000") && loopback("127.9.9.9") && loopback("[::1]:5000"));
    assert!(!loopback("localhost.example.com") && !loopback("10.0.0.1"));
}

#[test]
fn ecr_hosts_of_every_form_round_trip() {
    for (host, account, region, fips, dual) in [
        (
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com",
            "111122223333",
            "eu-west-1",
            false,
            false,
        ),
        (
            "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com",
            "111122223333",
            "us-east-1",
            true,
            false,
        ),
        (
            "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "111122223333",
            "cn-north-1",
            false,
            false,
        ),
        (
            "111122223333.dkr.ecr.us-gov-west-1.amazonaws.com",
            "111122223333",
            "us-gov-west-1",
            false,
            false,
        ),
        (
            "111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov",
            "111122223333",
            "us-iso-east-1",
            false,
            false,
        ),
        (
            "111122223333.dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
            "111122223333",
            "us-isob-east-1",
            false,
            false,
        ),
        (
            "111122223333.dkr-ecr.eu-west-1.on.aws",
            "111122223333",
            "eu-west-1",
            false,
            true,
        ),
        (
            "111122223333.dkr-ecr-fips.us-east-1.on.aws",
            "111122223333",
            "us-east-1",
            true,
            true,
        ),
        (
            "111122223333.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
            "111122223333",
            "cn-north-1",
            false,
            true,
        ),
    ] {
        let parsed = host
            .parse::<RegistryHost>()
            .unwrap()
            .ecr()
            .unwrap_or_else(|| panic!("{host}"));
        assert_eq!(parsed.account.as_str(), account, "{host}");
        assert_eq!(parsed.region.as_str(), region, "{host}");
        assert_eq!((parsed.fips, parsed.dual_stack), (fips, dual), "{host}");
        assert_eq!(parsed.to_string(), host);
    }
}

#[test]
fn hosts_that_only_look_like_ecr() {
    for host in [
        "public.ecr.aws",
        "111122223333.dkr.ecr.eu-west-1.amazonaws.com.example.com",
        "111122223333.dkr.ecr.eu-west-1.example.com",
        "111122223333.dkr.ecr.cn-north-1.amazonaws.com",
        "11112222333.dkr.ecr.eu-west-1.amazonaws.com",
        "111122223333.dkr.ecr.amazonaws.com",
        "111122223333.dkr.ecr.eu-west-1.amazonaws.com:5000",
    ] {
        assert_eq!(host.parse::<RegistryHost>().unwrap().ecr(), None, "{host}");
    }
}

#[test]
fn image_references() {
    let full = format!("registry.example.com:5000/team/app:v1@sha256:{HEX}");
    let image: ImageRef = full.parse().unwrap();
    assert_eq!(image.registry.as_str(), "registry.example.com:5000");
    assert_eq!(image.repository.as_str(), "team/app");
    assert_eq!(image.tag.as_ref().unwrap().as_str(), "v1");
    assert!(matches!(image.reference(), Some(Reference::Digest(_))));
    assert_eq!(image.to_string(), full);
    valid::<ImageRef>(&[
        "localhost/app",
        "localhost:5000/app:1",
        "127.0.0.1:5000/app",
    ]);
    invalid::<ImageRef>(&[
        "alpine",
        "library/alpine",
        "localhost:5000",
        "a.b/App",
        "a.b/app:",
        "a.b/app@sha256:1",
        "",
    ]);
}

#[test]
fn an_error_names_what_is_wrong_and_what_would_be_right() {
    let error = "Prod/App".parse::<RepositoryName>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"Prod/App\" is not a valid ECR repository name: expected lower-case letters and digits, separated by \
         '.', '_', '__', dashes or '/', beginning and ending with a letter or digit"
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,300}") {
        let _ = text.parse::<Tag>();
        let _ = text.parse::<Digest>();
        let _ = text.parse::<RepositoryName>();
        let _ = text.parse::<RegistryHost>().map(|host| host.ecr());
        let _ = text.parse::<ImageRef>();
        let _ = text.parse::<Region>();
    }

    #[test]
    fn what_parses_prints_back(text in "[a-z0-9.]{1,12}(:[0-9]{1,5})?/[a-z0-9._/-]{1,20}(:[a-zA-Z0-9._-]{1,20})?") {
        if let Ok(image) = text.parse::<ImageRef>() {
            prop_assert_eq!(image.to_string(), text);
        }
    }

    #[test]
    fn serde_refuses_what_parse_refuses(text in "\\PC{0,40}") {
        let json = serde_json::Value::String(text.clone());
        prop_assert_eq!(serde_json::from_value::<Tag>(json).is_ok(), text.parse::<Tag>().is_ok());
    }
}

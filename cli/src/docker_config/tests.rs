use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::*;

/// A home with one `~/.docker/config.json`, and a folder for helper programs.
struct Home {
    folder: TempDir,
}

impl Home {
    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".docker")).unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(folder.path().join(".docker/config.json"), config).unwrap();
        Self { folder }
    }

    /// Installs a shell script as `docker-credential-<name>`.
    fn helper(self, name: &str, script: &str) -> Self {
        let file = self
            .folder
            .path()
            .join(format!("bin/docker-credential-{name}"));
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn places(&self) -> Places {
        let bin = self.folder.path().join("bin").into_os_string();
        let mut path = bin;
        path.push(":/usr/bin:/bin");
        Places {
            home: Some(self.folder.path().to_owned()),
            path: Some(path),
            ..Places::default()
        }
    }

    async fn find(&self, registry: &str, repository: &str) -> String {
        told(find(&self.places(), registry, repository).await)
    }
}

/// The outcome as a line, secrets included, so that tests compare one text.
fn told(found: Result<Found, DockerConfigError>) -> String {
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|c| format!(": {c}"));
            return format!("error: {error}{}", cause.unwrap_or_default());
        }
    };
    let mut line = match found.credential {
        None => "none".to_owned(),
        Some(Credential::Basic { username, password }) => {
            format!("{username}:{}", password.expose_secret())
        }
        Some(Credential::IdentityToken(token)) => format!("identity {}", token.expose_secret()),
        Some(Credential::RegistryToken(token)) => format!("registry {}", token.expose_secret()),
    };
    for warning in found.warnings {
        line.push_str(&format!(" [{warning}]"));
    }
    line
}

#[tokio::test]
async fn auths_are_found_whatever_the_form_of_their_key() {
    let home = Home::with(
        r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "aHViOnB3"},
            "https://ghcr.io/v2/": {"auth": "Z2g6cHc="},
            "registry.example.com:5000": {"username": "plain", "password": "p:w"},
            "token.example.com": {"auth": "", "identitytoken": "refresh"},
            "bearer.example.com": {"registrytoken": "bearer"},
            "empty.example.com": {}
        }}"#,
    );
    for (registry, expected) in [
        ("docker.io", "hub:pw"),
        ("registry-1.docker.io", "hub:pw"),
        ("ghcr.io", "gh:pw"),
        ("registry.example.com:5000", "plain:p:w"),
        ("registry.example.com", "none"),
        ("token.example.com", "identity refresh"),
        ("bearer.example.com", "registry bearer"),
        ("empty.example.com", "none"),
        ("ghcr.io.example.com", "none"),
    ] {
        assert_eq!(home.find(registry, "org/app").await, expected, "{registry}");
    }
}

#[tokio::test]
async fn the_most_specific_entry_wins_and_stays_with_its_repositories() {
    let home = Home::with(
        r#"{"auths": {
            "quay.example.com/org": {"username": "org", "password": ""},
            "quay.example.com/org/app": {"username": "app", "password": ""},
            "other.example.com/org": {"username": "org", "password": ""}
        }}"#,
    );
    assert_eq!(home.find("quay.example.com", "org/app").await, "app:");
    assert_eq!(
        home.find("quay.example.com", "org/other/deep").await,
        "org:"
    );
    assert_eq!(
        home.find("quay.example.com", "organisation/app").await,
        "none"
    );
    assert_eq!(home.find("other.example.com", "elsewhere").await, "none");
}

#[tokio::test]
async fn a_helper_named_for_the_registry_comes_first_and_is_told_the_server() {
    let home = Home::with(
        r#"{"credHelpers": {"ghcr.io": "here"}, "auths": {"ghcr.io": {"auth": "Z2g6cHc="}}}"#,
    )
    .helper("here", r#"read -r server; echo "{\"ServerURL\":\"x\",\"Username\":\"for $server $1\",\"Secret\":\"s\"}""#);
    assert_eq!(home.find("ghcr.io", "a").await, "for ghcr.io get:s");
}

#[tokio::test]
async fn a_helper_may_give_an_identity_token_or_have_nothing() {
    let home = Home::with(
        r#"{"credHelpers": {"a.example.com": "token", "b.example.com": "nothing"},
            "auths": {"b.example.com": {"auth": "Z2g6cHc="}}}"#,
    )
    .helper(
        "token",
        r#"echo '{"Username":"<token>","Secret":"refresh"}'"#,
    )
    .helper(
        "nothing",
        "echo 'credentials not found in native keychain'; exit 1",
    );
    assert_eq!(home.find("a.example.com", "x").await, "identity refresh");
    assert_eq!(home.find("b.example.com", "x").await, "gh:pw");
}

#[tokio::test]
async fn a_helper_that_fails_is_named_and_its_standard_output_is_not_quoted() {
    let home = Home::with(r#"{"credHelpers": {"a.example.com": "broken", "b.example.com": "odd", "c.example.com": "absent", "d.example.com": "../evil"}}"#)
        .helper("broken", "echo topsecret; echo 'no session' >&2; exit 3")
        .helper("odd", "echo topsecret");
    let broken = home.find("a.example.com", "x").await;
    assert!(
        broken.contains("docker-credential-broken failed (exit status: 3): no session"),
        "{broken}"
    );
    let odd = home.find("b.example.com", "x").await;
    assert!(
        odd.contains("docker-credential-odd answered something else than a credential"),
        "{odd}"
    );
    assert!(!broken.contains("topsecret") && !odd.contains("topsecret"));
    let absent = home.find("c.example.com", "x").await;
    assert!(
        absent.contains("docker-credential-absent is not in PATH"),
        "{absent}"
    );
    let evil = home.find("d.example.com", "x").await;
    assert!(
        evil.contains("is not the name of a credential helper"),
        "{evil}"
    );
}

#[tokio::test]
async fn a_general_store_that_fails_is_a_warning() {
    let home =
        Home::with(r#"{"credsStore": "absent", "auths": {"ghcr.io": {"auth": "Z2g6cHc="}}}"#);
    let told = home.find("ghcr.io", "x").await;
    assert!(told.starts_with("gh:pw [credsStore \"absent\""), "{told}");
    assert!(
        told.ends_with("docker-credential-absent is not in PATH]"),
        "{told}"
    );
}

#[tokio::test]
async fn docker_hub_has_its_own_address_at_the_store() {
    let home = Home::with(r#"{"credsStore": "echo"}"#).helper(
        "echo",
        r#"read -r server; echo "{\"Username\":\"$server\",\"Secret\":\"\"}""#,
    );
    assert_eq!(
        home.find("docker.io", "library/x").await,
        "https://index.docker.io/v1/:"
    );
    assert_eq!(home.find("ghcr.io", "x").await, "ghcr.io:");
}

#[tokio::test(start_paused = true)]
async fn a_helper_that_never_answers_is_given_up() {
    // The clock is stopped and jumps ahead whenever nothing else can run, so this takes no time.
    let home = Home::with(r#"{"credHelpers": {"a.example.com": "slow"}}"#)
        .helper("slow", "exec tail -f /dev/null");
    let told = home.find("a.example.com", "x").await;
    assert!(
        told.ends_with("docker-credential-slow did not answer within 20 seconds"),
        "{told}"
    );
}

#[tokio::test]
async fn files_are_tried_in_order_and_an_absent_one_is_passed_over() {
    let home = Home::with(
        r#"{"auths": {"one.example.com": {"username": "docker"}, "two.example.com": {"username": "docker"}}}"#,
    );
    let xdg = home.folder.path().join("run");
    fs::create_dir_all(xdg.join("containers")).unwrap();
    fs::write(
        xdg.join("containers/auth.json"),
        r#"{"auths": {"two.example.com": {"username": "podman"}, "three.example.com": {"username": "podman"}}}"#,
    )
    .unwrap();
    let named = home.folder.path().join("named.json");
    fs::write(
        &named,
        r#"{"auths": {"one.example.com": {"username": "named"}}}"#,
    )
    .unwrap();
    let places = Places {
        xdg_runtime_dir: Some(xdg),
        xdg_config_home: Some(home.folder.path().join("nowhere")),
        registry_auth_file: Some(named.clone()),
        ..home.places()
    };
    for (registry, expected) in [
        ("one.example.com", "named:"),
        ("two.example.com", "docker:"),
        ("three.example.com", "podman:"),
        ("four.example.com", "none"),
    ] {
        assert_eq!(
            told(find(&places, registry, "x").await),
            expected,
            "{registry}"
        );
    }

    fs::remove_file(&named).unwrap();
    let told = told(find(&places, "one.example.com", "x").await);
    assert!(
        told.starts_with("error: cannot read the credential file"),
        "{told}"
    );
}

#[tokio::test]
async fn a_broken_file_is_reported_by_its_place_without_its_content() {
    let home =
        Home::with("{\"auths\": {\"a.example.com\": {\"auth\": \"c2VjcmV0\" \"topsecret\"}}}");
    let told = home.find("a.example.com", "x").await;
    assert!(
        told.contains(
            "config.json is not a Docker configuration: unexpected content at line 1 column"
        ),
        "{told}"
    );
    let home = Home::with(r#"{"auths": {"a.example.com": {"auth": 12345678}}}"#);
    let told = home.find("a.example.com", "x").await;
    assert!(!told.contains("12345678"), "{told}");

    let home = Home::with(r#"{"auths": {"a.example.com": {"auth": "bm9jb2xvbg=="}}}"#);
    let told = home.find("a.example.com", "x").await;
    assert!(told.contains(r#"the entry "a.example.com" in"#), "{told}");
    assert!(!told.contains("nocolon"), "{told}");
}

#[tokio::test]
async fn a_huge_file_is_refused() {
    let home = Home::with(&" ".repeat(1024 * 1024 + 1));
    let told = home.find("a.example.com", "x").await;
    assert!(told.contains("is larger than 1048576 bytes"), "{told}");
}

#[test]
fn a_credential_does_not_show_its_secret() {
    let credential = Credential::Basic {
        username: "u".into(),
        password: "topsecret".into(),
    };
    assert!(!format!("{credential:?}").contains("topsecret"));
}

//! Registry credentials from where `docker login` and `podman login` leave them.
//!
//! Files are read in this order, and the first one that knows the registry wins:
//! `$REGISTRY_AUTH_FILE`, `$DOCKER_CONFIG/config.json` (or `~/.docker/config.json`),
//! `$XDG_RUNTIME_DIR/containers/auth.json`, `$XDG_CONFIG_HOME/containers/auth.json` (or
//! `~/.config/containers/auth.json`). Inside a file: `credHelpers`, then `credsStore`, then
//! `auths`. Secrets stay inside [`SecretString`] and appear in no message.

mod helper;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

pub use self::helper::HelperError;

/// No credential file of a person is larger than this.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The name under which Docker keeps the credentials of Docker Hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// The hosts that all mean Docker Hub.
const DOCKER_HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// What a registry can be given to prove who asks.
#[derive(Debug, Clone)]
pub enum Credential {
    /// User name and password, for Basic authentication or a token service.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// An OAuth 2 refresh token, to be exchanged at the registry's token service.
    IdentityToken(SecretString),
    /// A bearer token for the registry itself.
    RegistryToken(SecretString),
}

/// The parts of the process environment that lead to credentials.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// `$HOME`.
    pub home: Option<PathBuf>,
    /// `$DOCKER_CONFIG`, a folder.
    pub docker_config: Option<PathBuf>,
    /// `$REGISTRY_AUTH_FILE`, a file.
    pub registry_auth_file: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`.
    pub xdg_config_home: Option<PathBuf>,
    /// `$PATH`, where the credential helpers are looked up.
    pub path: Option<OsString>,
}

impl Places {
    /// The places of this process.
    #[must_use]
    pub fn from_process() -> Self {
        let folder = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            home: folder("HOME").or_else(|| folder("USERPROFILE")),
            docker_config: folder("DOCKER_CONFIG"),
            registry_auth_file: folder("REGISTRY_AUTH_FILE"),
            xdg_runtime_dir: folder("XDG_RUNTIME_DIR"),
            xdg_config_home: folder("XDG_CONFIG_HOME"),
            path: std::env::var_os("PATH"),
        }
    }

    /// The files to look at, in order; the flag says whether the file was named outright, so that
    /// its absence is a mistake.
    fn files(&self) -> Vec<(PathBuf, bool)> {
        let named = self
            .registry_auth_file
            .iter()
            .map(|file| (file.clone(), true));
        let docker = self
            .docker_config
            .clone()
            .or_else(|| self.home.as_ref().map(|home| home.join(".docker")))
            .map(|folder| folder.join("config.json"));
        let runtime = self
            .xdg_runtime_dir
            .as_ref()
            .map(|dir| dir.join("containers/auth.json"));
        let config = self
            .xdg_config_home
            .clone()
            .or_else(|| self.home.as_ref().map(|home| home.join(".config")))
            .map(|folder| folder.join("containers/auth.json"));
        let usual = [docker, runtime, config]
            .into_iter()
            .flatten()
            .map(|file| (file, false));
        named.chain(usual).collect()
    }
}

/// Why the credentials of a registry cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DockerConfigError {
    /// A credential file exists and cannot be read.
    #[error("cannot read the credential file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A credential file is larger than any real one.
    #[error("the credential file {} is larger than {MAX_FILE_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A credential file is not the JSON that Docker writes.
    #[error("the credential file {} is not a Docker configuration", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The `auth` value of an entry is not base64 of `user:password`.
    #[error("the entry {key:?} in {} has an `auth` that is not base64 of user:password", path.display())]
    MalformedAuth {
        /// The file.
        path: PathBuf,
        /// The entry's key.
        key: String,
    },
    /// The helper that `credHelpers` names for this registry failed.
    #[error("the credential helper for {registry} that {} names failed", path.display())]
    Helper {
        /// The registry.
        registry: String,
        /// The file that names the helper.
        path: PathBuf,
        /// How it failed.
        source: HelperError,
    },
}

impl DockerConfigError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Unreadable { .. } | Self::TooLarge { .. } => {
                "correct the file or point DOCKER_CONFIG to another folder".into()
            }
            Self::Malformed { path, .. } => {
                format!(
                    "correct {} or move it away and run `docker login` again",
                    path.display()
                )
            }
            Self::MalformedAuth { key, .. } => {
                format!(
                    "run `docker logout {key}` and `docker login {key}` to write the entry anew"
                )
            }
            Self::Helper {
                registry,
                path,
                source,
            } => match source {
                HelperError::Missing { name } => format!(
                    "install docker-credential-{name}, or remove {registry} from credHelpers in {}",
                    path.display()
                ),
                HelperError::BadName { .. } => {
                    format!(
                        "correct the helper's name for {registry} in {}",
                        path.display()
                    )
                }
                HelperError::TimedOut { name } => format!(
                    "try again; `echo {registry} | docker-credential-{name} get` shows what it waits for"
                ),
                HelperError::Run { name, .. }
                | HelperError::Failed { name, .. }
                | HelperError::BadAnswer { name } => {
                    format!(
                        "run `echo {registry} | docker-credential-{name} get` to see what is wrong"
                    )
                }
            },
        }
    }
}

/// What was found for a registry, and what went wrong on the way without being fatal.
#[derive(Debug, Default)]
pub struct Found {
    /// The credential, if any file or helper has one.
    pub credential: Option<Credential>,
    /// Lines for a person.
    pub warnings: Vec<String>,
}

/// Looks for the credential of a repository.
///
/// `registry` is `host[:port]` in lower case. A helper named for this very registry must work; the
/// general `credsStore` may fail (a configuration carried over from another machine names one that
/// is not installed here), which is a warning.
pub async fn find(
    places: &Places,
    registry: &str,
    repository: &str,
) -> Result<Found, DockerConfigError> {
    let mut found = Found::default();
    for (path, named) in places.files() {
        let Some(file) = read(&path, named)? else {
            continue;
        };
        found.credential = file
            .find(places, &path, registry, repository, &mut found.warnings)
            .await?;
        if found.credential.is_some() {
            break;
        }
    }
    Ok(found)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigFile {
    auths: Option<BTreeMap<String, AuthEntry>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

#[derive(Debug, Deserialize)]
struct AuthEntry {
    auth: Option<SecretString>,
    username: Option<String>,
    password: Option<SecretString>,
    identitytoken: Option<SecretString>,
    registrytoken: Option<SecretString>,
}

impl ConfigFile {
    async fn find(
        &self,
        places: &Places,
        path: &Path,
        registry: &str,
        repository: &str,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Credential>, DockerConfigError> {
        if let Some((key, name)) = self.helper_for(registry) {
            let got = helper::get(name, &key, places.path.as_deref())
                .await
                .map_err(|source| DockerConfigError::Helper {
                    registry: registry.to_owned(),
                    path: path.to_owned(),
                    source,
                })?;
            if got.is_some() {
                return Ok(got);
            }
        }
        if let Some(name) = self.creds_store.as_deref().filter(|name| !name.is_empty()) {
            match helper::get(name, server_address(registry), places.path.as_deref()).await {
                Ok(Some(credential)) => return Ok(Some(credential)),
                Ok(None) => {}
                Err(error) => warnings.push(format!(
                    "credsStore {name:?} in {} was asked for {registry} in vain: {error}",
                    path.display()
                )),
            }
        }
        self.entry_for(registry, repository)
            .map(|(key, entry)| entry.credential(path, key))
            .transpose()
            .map(Option::flatten)
    }

    /// The helper for exactly this registry, and the address under which to ask it.
    fn helper_for(&self, registry: &str) -> Option<(String, &str)> {
        let helpers = self.cred_helpers.as_ref()?;
        let aliases = aliases(registry);
        helpers
            .iter()
            .find(|(key, _)| aliases.iter().any(|alias| normalise(key) == *alias))
            .map(|(key, name)| (key.clone(), name.as_str()))
    }

    /// The most specific entry of `auths`: `host/org/app`, then `host/org`, then `host`.
    fn entry_for(&self, registry: &str, repository: &str) -> Option<(&str, &AuthEntry)> {
        let auths = self.auths.as_ref()?;
        let aliases = aliases(registry);
        let mut path = Some(repository);
        while let Some(prefix) = path {
            for alias in &aliases {
                let wanted = format!("{alias}/{prefix}");
                if let Some(entry) = lookup(auths, &wanted) {
                    return Some(entry);
                }
            }
            path = prefix.rsplit_once('/').map(|(parent, _)| parent);
        }
        aliases.iter().find_map(|alias| lookup(auths, alias))
    }
}

fn lookup<'a>(
    auths: &'a BTreeMap<String, AuthEntry>,
    wanted: &str,
) -> Option<(&'a str, &'a AuthEntry)> {
    auths
        .iter()
        .find(|(key, entry)| normalise(key) == wanted && !entry.is_empty())
        .map(|(key, entry)| (key.as_str(), entry))
}

impl AuthEntry {
    /// Docker leaves `{}` behind where a credential store has the secret.
    fn is_empty(&self) -> bool {
        let blank = |secret: &Option<SecretString>| {
            secret
                .as_ref()
                .is_none_or(|secret| secret.expose_secret().is_empty())
        };
        blank(&self.auth)
            && blank(&self.identitytoken)
            && blank(&self.registrytoken)
            && self.username.as_ref().is_none_or(String::is_empty)
    }

    fn credential(&self, path: &Path, key: &str) -> Result<Option<Credential>, DockerConfigError> {
        let filled = |secret: &Option<SecretString>| {
            secret
                .as_ref()
                .filter(|secret| !secret.expose_secret().is_empty())
                .cloned()
        };
        if let Some(token) = filled(&self.registrytoken) {
            return Ok(Some(Credential::RegistryToken(token)));
        }
        if let Some(token) = filled(&self.identitytoken) {
            return Ok(Some(Credential::IdentityToken(token)));
        }
        if let Some(auth) = filled(&self.auth) {
            return match decode(&auth) {
                Some(credential) => Ok(Some(credential)),
                None => Err(DockerConfigError::MalformedAuth {
                    path: path.to_owned(),
                    key: key.to_owned(),
                }),
            };
        }
        let username = self.username.clone().filter(|name| !name.is_empty());
        Ok(username.map(|username| Credential::Basic {
            username,
            password: self.password.clone().unwrap_or_default(),
        }))
    }
}

/// Decodes base64 of `user:password`; Docker pads some passwords with NUL.
fn decode(auth: &SecretString) -> Option<Credential> {
    let encoded = auth.expose_secret().trim();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (username, password) = text.split_once(':')?;
    let password = SecretString::from(password.trim_end_matches('\0'));
    Some(Credential::Basic {
        username: username.to_owned(),
        password,
    })
}

/// A key of a credential file without scheme, API version and trailing slash.
fn normalise(key: &str) -> String {
    let bare = key
        .trim_start_matches("https://")
        .trim_start_matches("http://");
    let bare = bare.trim_end_matches('/');
    let bare = bare
        .strip_suffix("/v1")
        .or_else(|| bare.strip_suffix("/v2"))
        .unwrap_or(bare);
    match bare.split_once('/') {
        Some((host, path)) => format!("{}/{path}", host.to_ascii_lowercase()),
        None => bare.to_ascii_lowercase(),
    }
}

fn aliases(registry: &str) -> Vec<&str> {
    if DOCKER_HUB_HOSTS.contains(&registry) {
        DOCKER_HUB_HOSTS.to_vec()
    } else {
        vec![registry]
    }
}

fn server_address(registry: &str) -> &str {
    if DOCKER_HUB_HOSTS.contains(&registry) {
        DOCKER_HUB_KEY
    } else {
        registry
    }
}

/// Reads a credential file; a usual place without a file is no mistake.
fn read(path: &Path, named: bool) -> Result<Option<ConfigFile>, DockerConfigError> {
    use std::io::Read as _;

    let unreadable = |source| DockerConfigError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if !named && is_absence(&error) => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(DockerConfigError::TooLarge {
            path: path.to_owned(),
        });
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|source| DockerConfigError::Malformed {
            path: path.to_owned(),
            source: cleaned(&source),
        })
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// The parser's message quotes what it found, which may be a secret: only the place is kept.
fn cleaned(error: &serde_json::Error) -> serde_json::Error {
    use serde::de::Error as _;

    serde_json::Error::custom(format_args!(
        "unexpected content at line {} column {}",
        error.line(),
        error.column()
    ))
}

#[cfg(test)]
mod tests;

//! How registries are spoken to, and as whom: what every command that goes to one shares.

pub mod remedy;

use std::sync::Arc;

use steward_core::{RegistryHost, RepositoryPath};
use steward_registry::{Client, EndpointOverrides, RegistryError};

use crate::credentials::{AwsTokens, EcrTokens, ShellCredentials, Warn};
use crate::docker_config::Places;
use crate::error::CliError;
use crate::output::style;

/// The same variable that the functions read; the local cloud sets it.
const ENDPOINTS_VARIABLE: &str = "STEWARD_REGISTRY_ENDPOINTS";

/// What all requests of a run share.
#[derive(Clone)]
pub struct Access {
    /// Registries that are spoken to over plain HTTP.
    pub insecure: Vec<RegistryHost>,
    /// Hosts in private networks that registries may point to.
    pub trust: Vec<RegistryHost>,
    /// Other addresses for some registries.
    pub overrides: EndpointOverrides,
    /// Where credentials are stored.
    pub places: Places,
    /// Who gives tokens for ECR.
    pub ecr: Arc<dyn EcrTokens>,
    /// Who hears of what is wrong and not fatal.
    pub warn: Warn,
}

impl Access {
    /// As the person at this shell has set it up.
    ///
    /// # Errors
    ///
    /// When the variable with other addresses cannot be understood.
    pub fn of_process(
        insecure: Vec<RegistryHost>,
        trust: Vec<RegistryHost>,
    ) -> Result<Self, CliError> {
        Ok(Self {
            insecure,
            trust,
            overrides: overrides()?,
            places: Places::from_process(),
            ecr: Arc::new(AwsTokens),
            warn: warn(),
        })
    }

    /// A client for one repository: credentials may differ between two of one registry.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Setup`].
    pub fn client(&self, repository: &RepositoryPath) -> Result<Client, RegistryError> {
        let credentials = ShellCredentials::new(
            self.places.clone(),
            repository.clone(),
            Arc::clone(&self.ecr),
            Arc::clone(&self.warn),
        );
        Client::builder()
            .credentials(Arc::new(credentials))
            .endpoints(self.overrides.clone())
            .insecure(self.insecure.clone())
            .trust(self.trust.clone())
            .user_agent(concat!("steward/", env!("CARGO_PKG_VERSION")))
            .build()
    }
}

/// Other addresses for some registries, as the variable of the functions says.
///
/// # Errors
///
/// When the variable cannot be understood.
pub fn overrides() -> Result<EndpointOverrides, CliError> {
    let text = std::env::var(ENDPOINTS_VARIABLE).unwrap_or_default();
    text.parse().map_err(
        |source: steward_registry::EndpointOverridesError| CliError::Argument {
            argument: format!("the variable {ENDPOINTS_VARIABLE}"),
            source: source.into(),
            remedy: "correct the variable or unset it",
        },
    )
}

fn warn() -> Warn {
    Arc::new(|warning| {
        use std::io::Write as _;

        let caution = style::CAUTION;
        // Nobody is left to be told when standard error itself is gone.
        let _ = writeln!(
            anstream::stderr().lock(),
            "{caution}warning{caution:#}: {warning}"
        );
    })
}

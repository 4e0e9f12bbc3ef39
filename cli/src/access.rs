//! How registries are spoken to, and as whom: what every command that goes to one shares.

mod authorities;
mod layers;
pub mod remedy;

use std::sync::Arc;

use steward_core::{RegistryHost, RepositoryPath};
use steward_registry::{
    BlobAvailability, CertificateDer, Client, EndpointOverrides, RegistryError,
};

use crate::credentials::{AwsTokens, EcrTokens, ShellCredentials, Warn};
use crate::docker_config::Places;
use crate::error::CliError;
use crate::output::style;

pub use layers::ByAws;

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
    /// Certificate authorities besides the public ones.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Where credentials are stored.
    pub places: Places,
    /// Who gives tokens for ECR.
    pub ecr: Arc<dyn EcrTokens>,
    /// Where those tokens were asked for.
    pub by_aws: ByAws,
    /// Who hears of what is wrong and not fatal.
    pub warn: Warn,
}

impl Access {
    /// As the person at this shell has set it up.
    ///
    /// # Errors
    ///
    /// When the variable with other addresses cannot be understood, or the one that names a file with
    /// certificates names none.
    pub fn of_process(
        insecure: Vec<RegistryHost>,
        trust: Vec<RegistryHost>,
    ) -> Result<Self, CliError> {
        Ok(Self {
            insecure,
            trust,
            overrides: overrides()?,
            authorities: authorities::of_process()?,
            places: Places::from_process(),
            ecr: Arc::new(AwsTokens),
            by_aws: ByAws::default(),
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
            self.by_aws.clone(),
            Arc::clone(&self.warn),
        );
        Client::builder()
            .credentials(Arc::new(credentials))
            .endpoints(self.overrides.clone())
            .insecure(self.insecure.clone())
            .trust(self.trust.clone())
            .root_certificates(self.authorities.iter().cloned())
            .user_agent(concat!("steward/", env!("CARGO_PKG_VERSION")))
            .build()
    }

    /// Who knows many layers of the targets at once; nobody where none of them is ECR.
    pub async fn availability<'a>(
        &self,
        targets: impl IntoIterator<Item = &'a RegistryHost>,
    ) -> Option<Arc<dyn BlobAvailability>> {
        let host = targets.into_iter().find(|host| host.ecr().is_some())?;
        let layers = layers::AwsLayers::new(self.by_aws.clone(), host).await;
        Some(Arc::new(layers))
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

//! Reading facts from a registry: of one tag for `explain`, of everything for `simulate` and
//! `inventory`.
//!
//! ECR is asked through its own API for what only that knows (times of pushes, resource tags, all
//! tags of an image), and every registry through the distribution protocol for manifests,
//! configurations and referrers, as far as the policy asks for them ([`Wanted`]).

mod failure;
mod image;
mod listing;
mod tag;
mod wanted;

pub use failure::{ReadError, ReadFailure};
pub use listing::{Choice, Listing};
pub use tag::facts_of;
pub use wanted::Wanted;

use steward_aws::config::CredentialSource;
use steward_aws::ecr::SdkEcr;
use steward_core::EcrHost;
use steward_core::facts::Home;

/// Requests that are under way at the same time.
const JOBS: usize = 8;

/// The API of an ECR registry, with the usual chain of credentials.
async fn ecr_api(host: &EcrHost) -> SdkEcr {
    let config = steward_aws::config::load(CredentialSource::DefaultChain).await;
    let config = steward_aws::config::in_region(&config, host.region.as_str());
    SdkEcr::of_account(&config, &host.account)
}

fn home(host: &EcrHost) -> Home {
    Home {
        account: host.account.clone(),
        region: host.region.clone(),
    }
}

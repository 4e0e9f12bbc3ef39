//! The registry client and the copy engine against registries that others wrote: CNCF Distribution
//! (Go), ECR as the local cloud has it (Python, with the gateway in front) and ferro-oci-server
//! (Rust). One body for all; what a registry does in its own way is named in [`registry::Ways`].

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod conformance;
mod directions;
mod refusals;
mod registry;

use registry::Registry;

#[tokio::test]
async fn cncf_distribution() {
    conformance::check(&Registry::distribution().await).await;
}

#[tokio::test]
async fn cncf_distribution_with_accounts() {
    let registry = Registry::distribution_with_accounts().await;
    conformance::check(&registry).await;
    refusals::check(&registry).await;
}

#[tokio::test]
async fn ecr() {
    conformance::check(&Registry::ecr().await).await;
}

#[tokio::test]
async fn ecr_with_tokens() {
    let registry = Registry::ecr_with_tokens().await;
    conformance::check(&registry).await;
    refusals::check(&registry).await;
}

#[tokio::test]
async fn ferro() {
    conformance::check(&Registry::ferro().await).await;
}

#[tokio::test]
async fn images_travel_between_all_of_them() {
    let registries = [
        Registry::distribution().await,
        Registry::ecr().await,
        Registry::ferro().await,
    ];
    directions::check(&registries).await;
}

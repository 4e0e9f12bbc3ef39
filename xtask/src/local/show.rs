//! The addresses of a local cloud, for people.

use steward_testkit::cloud::{Facts, TARGET_ACCOUNT, TARGET_REGION};

use crate::term;

/// Prints where everything is and what can be done with it.
pub(crate) fn addresses(facts: &Facts) {
    let at = &facts.addresses;
    let rows = [
        (
            "registry",
            at.registry.clone(),
            format!("push here; ECR of account {} in {}", at.account, at.region),
        ),
        (
            "other account",
            facts.target_registry.clone(),
            format!("ECR of account {TARGET_ACCOUNT} in {TARGET_REGION}"),
        ),
        (
            "mirror",
            at.mirror.clone(),
            facts.mirror_is.describe().to_owned(),
        ),
        (
            "inbox",
            at.inbox.clone(),
            "every message as its receiver sees it; open it in a browser".to_owned(),
        ),
        (
            "AWS APIs",
            at.aws_endpoint.clone(),
            format!("access key {} and any secret", at.account),
        ),
    ];
    for (name, address, remark) in rows {
        term::say(format!("  {name:<14} {address:<24} {remark}"));
    }
}

/// Prints what to try next.
pub(crate) fn suggestions(facts: &Facts) {
    let registry = &facts.addresses.registry;
    term::say("");
    term::say("Push an image and look at the inbox:");
    term::say(format!(
        "  skopeo copy --dest-tls-verify=false oci:<folder> docker://{registry}/prod/app:v1.2.3"
    ));
    term::say("Put any event on the bus, or replace the policy:");
    term::say("  cargo xtask local event <file|->");
    term::say("  cargo xtask local policy <file>");
}

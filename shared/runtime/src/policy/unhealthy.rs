use steward_core::event::outgoing::{DetailType, StewardEvent};
use steward_core::{AccountId, Region, Severity};

/// What is known about a broken policy.
pub(super) struct Facts<'a> {
    pub(super) location: &'a str,
    pub(super) version: &'a str,
    pub(super) mistakes: &'a str,
    pub(super) function: &'a str,
    pub(super) in_use: bool,
}

/// The event that tells of it. Every function tells the same story, so the key names no function.
pub(super) fn event(facts: &Facts<'_>, home: Option<(AccountId, Region)>) -> StewardEvent {
    let Facts {
        location,
        version,
        mistakes,
        function,
        in_use,
    } = facts;
    let then = if *in_use {
        "the last good policy stays in use until it is repaired"
    } else {
        "there is no good policy to fall back on, so events wait in the queues"
    };
    let (account, region) = home.unzip();
    StewardEvent::builder(
        DetailType::StewardUnhealthy,
        "",
        format!("policy-{version}"),
    )
    .account(account)
    .region(region)
    .rule("policy")
    .severity(Severity::High)
    .explain(format!(
        "{function} cannot use the policy {location}; {then}: {mistakes}"
    ))
    .dedupe_key(format!("policy-broken|{location}|{version}"))
    .error_type("policy_broken".to_owned())
    .build()
}

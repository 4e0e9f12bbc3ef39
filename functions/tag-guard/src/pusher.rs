//! Who pushed an image: CloudTrail tells, earlier or later than the push itself.
//!
//! Nothing waits for it. What comes first is remembered, and what comes second tells: either the
//! decision finds the pusher, or the pusher's event finds what was told already and says who it was.

use steward_core::event::incoming::{ApiCall, Incoming};
use steward_core::event::outgoing::StewardEvent;
use steward_core::facts::Pusher;
use steward_core::{Digest, RepositoryName, Tag};
use steward_runtime::{Failure, Outcome};

use crate::TagGuard;
use crate::memory::Memory;

impl TagGuard {
    /// Remembers who pushed, and tells it where the image was told about already.
    pub(crate) async fn pushed_by(
        &self,
        incoming: &Incoming,
        call: &ApiCall,
    ) -> Result<Outcome, Failure> {
        if call.name != "PutImage" || !call.succeeded() {
            return Ok(Outcome::new("not_looked_at"));
        }
        let (Some(repository), Some(tag), Some(digest)) =
            (&call.repository, &call.tag, &call.digest)
        else {
            return Ok(Outcome::new("skipped").detail("the image was pushed without a tag"));
        };
        let policy = self.policy.current().await?;
        if !policy.in_scope(repository) || policy.ignores_tag(tag) {
            return Ok(Outcome::new("skipped").detail("the policy does not look at this tag"));
        }
        let Some(arn) = call.who() else {
            return Ok(Outcome::new("skipped").detail("CloudTrail does not say who called"));
        };
        if self
            .role
            .as_deref()
            .is_some_and(|role| is_session_of(arn, role))
        {
            return Ok(Outcome::new("skipped").detail("the function itself pushed"));
        }
        let pusher = Pusher {
            arn: arn.to_owned(),
            source_ip: call.source_ip.clone(),
            user_agent: call.user_agent.clone(),
        };
        let memory = self.memory(incoming);
        let at = call.time.unwrap_or(incoming.envelope.time);
        if !memory.push(repository, tag, digest, &pusher, at).await? {
            return Ok(Outcome::new("skipped").detail("somebody pushed it later"));
        }
        let told = memory.told(repository, tag, digest).await;
        match told.filter(|event| event.pusher.as_ref() != Some(&pusher)) {
            Some(event) => {
                self.follow_up(&memory, &event, pusher, Some(incoming.id()))
                    .await?;
                Ok(Outcome::new("pusher_told"))
            }
            None => Ok(Outcome::new("pusher_remembered")),
        }
    }

    /// Keeps what was told about an image, and says who pushed it where that came meanwhile.
    pub(crate) async fn told(
        &self,
        memory: &Memory<'_>,
        repository: &RepositoryName,
        tag: &Tag,
        digest: &Digest,
        event: &StewardEvent,
    ) -> Result<(), Failure> {
        if event.pusher.is_some() || event.violations.is_empty() {
            return Ok(());
        }
        memory.tell(repository, tag, digest, event).await;
        match memory.pusher(repository, tag, digest).await {
            Some(pusher) => self.follow_up(memory, event, pusher, None).await,
            None => Ok(()),
        }
    }

    async fn follow_up(
        &self,
        memory: &Memory<'_>,
        told: &StewardEvent,
        pusher: Pusher,
        cause: Option<&str>,
    ) -> Result<(), Failure> {
        let image = match &told.tag {
            Some(tag) => format!("{}:{tag}", told.repository),
            None => told.repository.clone(),
        };
        let event = StewardEvent {
            explain: format!(
                "{image} was pushed by {}. Before: {}",
                pusher.arn, told.explain
            ),
            dedupe_key: format!("{}/pushed-by/{}", told.dedupe_key, pusher.arn),
            cause: cause.unwrap_or(&told.cause).to_owned(),
            pusher: Some(pusher),
            ..told.clone()
        };
        self.events.put(std::slice::from_ref(&event)).await?;
        if let (Ok(repository), Some(tag), Some(digest)) =
            (event.repository.parse(), &event.tag, &event.digest)
        {
            memory.tell(&repository, tag, digest, &event).await;
        }
        Ok(())
    }
}

/// Whether a caller is a session of a role. CloudTrail names it `assumed-role/<role>/<session>`,
/// without the role's path.
fn is_session_of(caller: &str, role: &str) -> bool {
    let parts = |arn: &str| -> Option<(String, String)> {
        let mut parts = arn.splitn(6, ':').skip(4);
        Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
    };
    let (Some((account, session)), Some((own, role))) = (parts(caller), parts(role)) else {
        return false;
    };
    let name = role.rsplit('/').next().unwrap_or_default();
    let session = session.strip_prefix("assumed-role/");
    let of = session.and_then(|session| session.strip_prefix(name));
    account == own && !name.is_empty() && of.is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
#[test]
fn only_the_functions_own_role_is_itself() {
    let role = "arn:aws:iam::111122223333:role/teams/steward-tag-guard";
    for (caller, own) in [
        (
            "arn:aws:sts::111122223333:assumed-role/steward-tag-guard/tag-guard",
            true,
        ),
        (
            "arn:aws:sts::111122223333:assumed-role/steward-tag-guard-2/tag-guard",
            false,
        ),
        (
            "arn:aws:sts::444455556666:assumed-role/steward-tag-guard/tag-guard",
            false,
        ),
        ("arn:aws:iam::111122223333:user/steward-tag-guard", false),
        ("ecr.amazonaws.com", false),
    ] {
        assert_eq!(is_session_of(caller, role), own, "{caller}");
    }
    assert!(!is_session_of(
        "arn:aws:sts::111122223333:assumed-role/x/y",
        "no ARN"
    ));
}

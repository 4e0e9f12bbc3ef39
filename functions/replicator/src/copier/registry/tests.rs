use std::time::Duration;

use steward_aws::ecr::FakeEcrFactory;
use steward_aws::secrets::FakeSecrets;
use steward_aws::ssm::FakeParameters;
use steward_core::ImageRef;
use steward_core::policy::Policy;
use steward_registry::{EndpointOverrides, Verify};
use steward_runtime::Deadline;
use steward_runtime::secrets::CachedSecrets;

use super::*;
use crate::plan::Facts;

fn copier() -> RegistryCopier {
    let ecr = Arc::new(FakeEcrFactory::default());
    let secrets = Arc::<FakeSecrets>::default();
    let secrets = Arc::new(CachedSecrets::new(
        secrets,
        Arc::<FakeParameters>::default(),
    ));
    let access = RegistryAccess::new(ecr, secrets, EndpointOverrides::default());
    RegistryCopier::new(Arc::new(access), None)
}

fn facts(digest: &Digest) -> Facts {
    Facts {
        account: "111122223333".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
        repository: "prod/app".parse().unwrap(),
        tag: "v1".parse().unwrap(),
        digest: Some(digest.clone()),
        siblings: None,
    }
}

#[tokio::test]
async fn copies_that_meet_know_of_each_other_and_later_ones_ask_the_target_again() {
    let policy = "version: 1\nreplication:\n- name: there\n  repositories: [\"prod/**\"]\n  \
                  to: [{registry: a.example.com, repository: \"{repository}\"}]";
    let policy = Policy::parse(policy, "policy.yaml").unwrap();
    let digest: Digest = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
    let to: ImageRef = "a.example.com/prod/app:v1".parse().unwrap();
    let facts = facts(&digest);
    let job = CopyJob {
        facts: &facts,
        digest: &digest,
        to: &to,
        target: &policy.replication[0].to[0],
        referrers: false,
        platforms: &[],
        deadline: Deadline::after(Duration::from_secs(60)),
        resume: &[],
        verify: Verify::Answers,
    };
    let copier = copier();
    let one = copier.prepare(&job).unwrap();
    let two = copier.prepare(&job).unwrap();
    assert!(one.options.batch.is_some());
    assert!(Arc::ptr_eq(&one.together, &two.together));
    let ended = Arc::downgrade(&one.together);
    drop((one, two));
    assert!(ended.upgrade().is_none());
    let later = copier.prepare(&job).unwrap();
    assert!(!std::ptr::eq(ended.as_ptr(), Arc::as_ptr(&later.together)));
}

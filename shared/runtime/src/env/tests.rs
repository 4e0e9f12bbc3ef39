use super::*;

fn lambda() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("AWS_LAMBDA_FUNCTION_NAME", "steward-tag-guard"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("STEWARD_POLICY", "ssm:/steward/policy"),
    ])
}

#[test]
fn defaults_hold_for_what_is_not_set_or_empty() {
    let mut strings = lambda();
    strings.insert("STEWARD_DLQ_URL", "");
    let settings = Settings::from_strings(&strings).unwrap();
    assert_eq!(
        settings.policy,
        PolicyLocation::Ssm("/steward/policy".to_owned())
    );
    assert_eq!(settings.policy_refresh, Duration::from_secs(60));
    assert_eq!(settings.retry_base, Duration::from_secs(20));
    assert_eq!(settings.event_bus, "default");
    assert_eq!(settings.concurrency, 4);
    assert_eq!(settings.dlq_url, None);
    assert_eq!(settings.max_receives, None);
    assert_eq!(settings.log, "info");
}

#[test]
fn every_variable_is_taken() {
    let mut strings = lambda();
    strings.extend([
        ("STEWARD_POLICY", "file:policy.yaml"),
        ("STEWARD_POLICY_REFRESH", "2"),
        ("STEWARD_STATE_TABLE", "state"),
        ("STEWARD_EVENT_BUS", "steward"),
        ("STEWARD_DLQ_URL", "http://127.0.0.1:4566/111122223333/dlq"),
        (
            "STEWARD_QUEUE_URL",
            "https://sqs.eu-west-1.amazonaws.com/111122223333/q",
        ),
        ("STEWARD_SCHEDULE_GROUP", "steward-tag-guard"),
        (
            "STEWARD_SCHEDULE_ROLE",
            "arn:aws:iam::111122223333:role/schedules",
        ),
        ("STEWARD_MAX_RECEIVES", "5"),
        ("STEWARD_RETRY_BASE", "2"),
        ("STEWARD_CONCURRENCY", "8"),
        ("STEWARD_LOG", "debug"),
    ]);
    let settings = Settings::from_strings(&strings).unwrap();
    assert_eq!(settings.policy_refresh, Duration::from_secs(2));
    assert_eq!(settings.state_table.as_deref(), Some("state"));
    assert_eq!(settings.event_bus, "steward");
    assert_eq!(
        settings.dlq_url.as_deref(),
        Some("http://127.0.0.1:4566/111122223333/dlq")
    );
    assert_eq!(settings.schedules.unwrap().group, "steward-tag-guard");
    assert_eq!(settings.max_receives, Some(5));
    assert_eq!(settings.retry_base, Duration::from_secs(2));
    assert_eq!(settings.concurrency, 8);
    assert_eq!(settings.log, "debug");
}

#[test]
fn schedules_need_a_group_and_a_role() {
    let role = "arn:aws:iam::111122223333:role/schedules";
    for (group, given, missing) in [
        ("", role, "STEWARD_SCHEDULE_GROUP is not set"),
        ("group", "", "STEWARD_SCHEDULE_ROLE is not set"),
        ("group", "admin", "STEWARD_SCHEDULE_ROLE is \"admin\""),
    ] {
        let mut strings = lambda();
        strings.insert("STEWARD_SCHEDULE_GROUP", group);
        strings.insert("STEWARD_SCHEDULE_ROLE", given);
        let errors = Settings::from_strings(&strings).unwrap_err();
        assert_eq!(errors.0.len(), 1, "{errors}");
        assert!(errors.to_string().starts_with(missing), "{errors}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let mut strings = lambda();
    strings.remove("STEWARD_POLICY");
    strings.remove("AWS_LAMBDA_RUNTIME_API");
    strings.extend([
        ("STEWARD_POLICY_REFRESH", "soon"),
        ("STEWARD_QUEUE_URL", "my-queue"),
        ("STEWARD_MAX_RECEIVES", "0"),
        ("STEWARD_LOG", "loud"),
    ]);
    let errors = Settings::from_strings(&strings).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "STEWARD_POLICY is not set (expected file:<path>, ssm:<parameter name> or s3://<bucket>/<key>); \
         AWS_LAMBDA_RUNTIME_API is not set (expected the value that Lambda sets; this program is started by Lambda); \
         STEWARD_POLICY_REFRESH is \"soon\" (expected seconds from 1 to 86400); \
         STEWARD_QUEUE_URL is \"my-queue\" (expected a queue URL, https://sqs.<region>.amazonaws.com/<account>/<name>); \
         STEWARD_MAX_RECEIVES is \"0\" (expected the queue's maxReceiveCount, from 1 to 1000); \
         STEWARD_LOG is \"loud\" (expected a level (error, warn, info, debug, trace) or a comma list of target=level)"
    );
}

#[cfg(feature = "registry")]
#[test]
fn registry_endpoints_are_checked() {
    let mut strings = lambda();
    strings.insert(
        "STEWARD_REGISTRY_ENDPOINTS",
        "*.example.com=http://127.0.0.1:5000",
    );
    assert!(
        !Settings::from_strings(&strings)
            .unwrap()
            .registry_endpoints
            .is_empty()
    );
    strings.insert("STEWARD_REGISTRY_ENDPOINTS", "example.com");
    let errors = Settings::from_strings(&strings).unwrap_err();
    assert!(errors.to_string().contains("STEWARD_REGISTRY_ENDPOINTS"));
}

/// Hands out a value for everything and remembers what was asked for.
#[derive(Default)]
struct Recorder(std::cell::RefCell<Vec<String>>);

impl Strings for Recorder {
    fn get(&self, name: &str) -> Option<String> {
        self.0.borrow_mut().push(name.to_owned());
        None
    }
}

#[test]
fn the_reference_names_every_variable_that_is_read() {
    let recorder = Recorder::default();
    assert!(Settings::from_strings(&recorder).is_err());
    let page = markdown();
    for name in recorder.0.into_inner() {
        let found = if name.starts_with("AWS_LAMBDA_") {
            page.contains("`AWS_LAMBDA_*`")
        } else {
            page.contains(&format!("| `{name}` |"))
        };
        assert!(found, "{name} is not documented");
    }
}

/// `STEWARD_UPDATE=1 cargo test -p steward-runtime` writes the page anew.
#[test]
fn the_reference_page_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ENVIRONMENT.md");
    if std::env::var_os("STEWARD_UPDATE").is_some() {
        std::fs::write(path, markdown()).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(page, markdown(), "docs/ENVIRONMENT.md is stale");
}

#[test]
fn the_template_hands_the_replicator_no_more_than_it_copies_at_a_time() {
    // What waits behind long copies would be postponed, and each time is one of its tries.
    let template = include_str!("../../../../infra/template.yaml");
    let function = template.split("  ReplicatorFunction:").nth(1).unwrap();
    let function = function.split("  ReplicatorLogGroup:").next().unwrap();
    let batch = function.split("BatchSize: ").nth(1).unwrap();
    let batch: usize = batch.lines().next().unwrap().trim().parse().unwrap();
    assert!(!function.contains("STEWARD_CONCURRENCY"));
    let concurrency = DEFAULT_CONCURRENCY;
    assert!((1..=concurrency).contains(&batch), "{batch}");
}

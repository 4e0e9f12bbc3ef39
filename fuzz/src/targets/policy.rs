use steward_core::policy::Policy;

use super::outline;

/// A policy file.
pub(super) fn feed(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    match Policy::parse(&text, "fuzz.yaml") {
        Ok(policy) => {
            let again = Policy::parse(&text, "fuzz.yaml");
            assert!(
                again.is_ok_and(|again| again == policy),
                "a second reading differs"
            );
            let rules: Vec<_> = policy
                .tag_rules
                .iter()
                .map(|rule| {
                    let checks = (
                        rule.allow.len().min(3),
                        rule.deny.len().min(3),
                        rule.image.is_some(),
                        rule.derive.is_some(),
                        rule.when.is_some(),
                    );
                    (checks, &rule.on_violation)
                })
                .collect();
            format!(
                "{rules:?} {} {}",
                policy.replication.len(),
                policy.notifications.routes.len()
            )
        }
        Err(errors) => {
            // As YAML counts lines; the end of the text can count as a line of its own.
            let breaks = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
            let lines = text.chars().filter(|c| breaks.contains(c)).count() + 2;
            assert!(!errors.errors.is_empty(), "refused without a reason");
            for error in &errors.errors {
                assert!(error.line <= lines, "{error} is not in the text");
                assert!(!error.message.is_empty(), "a mistake without a message");
            }
            let first = errors.errors.iter().take(2);
            first
                .map(|error| format!("{:?} {}", error.kind, outline(&error.text())))
                .collect()
        }
    }
}
